// Any bytes on a stream of Consul's RPC, in two pieces: never a crash, the same pairs as in one piece, never more held than came, and
// a header that decodes encodes to one that decodes to the same.
#include "actors/rpc/core/call.hpp"
#include <cstdlib>

using namespace actord;
using namespace actord::rpc;

namespace {

constexpr size_t limit = 2000;

bool take(pair_reader& reader, std::string_view in, std::string& pairs) {
  auto s = reader.feed(in, [&](std::string_view header, std::string_view body) {
    if (body.size() > limit) std::abort();
    ((pairs += header) += '|') += body;
    if (auto h = decode_request_header(header)) {
      auto again = decode_request_header(encode_request(*h, {}));
      if (!again || again->seq != h->seq || again->method != h->method) std::abort();
    }
    if (auto h = decode_answer_header(header)) {
      auto again = decode_answer_header(encode(*h));
      if (!again || again->seq != h->seq || again->method != h->method || again->failure != h->failure) std::abort();
    }
    return true;
  });
  return s.ok();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(bytes), size);
  const size_t cut = size == 0 ? 0 : bytes[size - 1] % (size + 1);
  std::string first, second;
  pair_reader whole(limit), pieces(limit);
  const bool good = take(whole, in, first);
  bool also = take(pieces, in.substr(0, cut), second);
  if (also) also = take(pieces, in.substr(cut), second);
  if (good != also || first != second || pieces.held() > size) std::abort();
  return 0;
}
