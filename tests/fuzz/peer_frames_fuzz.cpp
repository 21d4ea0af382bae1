// Any bytes from a server connection, in two pieces: never a crash, never more held than came, and the same frames as in
// one piece. What decodes as a hello encodes to a hello that decodes to the same.
#include "actors/peers/core/frames.hpp"
#include <cstdlib>

using namespace actord;
using namespace actord::peer;

namespace {

void look(frame_kind kind, std::string_view body) {
  switch (kind) {
  case frame_kind::hello:
    if (auto h = decode_hello(body)) {
      auto again = decode_hello(std::string_view(encode(*h)).substr(5));
      if (!again || again->id != h->id || again->version_max != h->version_max || again->datacenter != h->datacenter) std::abort();
    }
    break;
  case frame_kind::refused: (void)decode_refused(body); break;
  case frame_kind::messages: (void)decode_messages(body); break;
  case frame_kind::snapshot_begin: (void)decode_snapshot_begin(body); break;
  case frame_kind::snapshot_chunk: (void)decode_snapshot_chunk(body); break;
  case frame_kind::snapshot_ack: (void)decode_snapshot_ack(body); break;
  default: (void)decode_numbered(body); break;
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(bytes), size);
  const size_t cut = size == 0 ? 0 : bytes[size - 1] % (size + 1);
  size_t frames = 0, again = 0;
  frame_reader whole, pieces;
  auto first = whole.feed(in, [&](frame_kind kind, std::string_view body) {
    ++frames;
    look(kind, body);
    return true;
  });
  auto count = [&](frame_kind, std::string_view) {
    ++again;
    return true;
  };
  auto second = pieces.feed(in.substr(0, cut), count);
  if (second) second = pieces.feed(in.substr(cut), count);
  if (frames != again || first.ok() != second.ok() || pieces.held() > 2 * size + 64) std::abort();
  return 0;
}
