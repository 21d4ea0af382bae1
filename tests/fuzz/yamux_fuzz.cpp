// Any bytes from the other end of a yamux connection, in two pieces: never a crash, the same events and the same answers as in one
// piece, no more handed out than came, and bounded answers.
#include "actors/rpc/core/yamux.hpp"
#include <cstdlib>

using namespace actord;
using namespace actord::rpc;

namespace {

struct run {
  yamux session{{.max_streams = 64, .max_control = 4096}};
  std::string events, out;
  size_t handed = 0;

  void take(std::string_view in) {
    session.feed(in, std::chrono::seconds(1));
    for (auto& e : session.take_events()) {
      if (e.what == yamux_event::kind::bytes) {
        handed += e.bytes.size();
        for (char c : e.bytes) (events += std::to_string(e.stream) + "=") += c;
        session.consumed(e.stream, e.bytes.size());
      } else {
        events += static_cast<char>('A' + static_cast<int>(e.what));
        events += std::to_string(e.stream);
      }
    }
    if (session.streams() > 64) std::abort();
  }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(bytes), size);
  const size_t cut = size == 0 ? 0 : bytes[size - 1] % (size + 1);
  run whole, pieces;
  whole.take(in);
  pieces.take(in.substr(0, cut));
  pieces.take(in.substr(cut));
  whole.session.drain(whole.out, 1 << 20);
  pieces.session.drain(pieces.out, 1 << 20);
  if (whole.handed > size || whole.out.size() > 4096 + 24) std::abort();
  if (whole.events != pieces.events || whole.out != pieces.out || whole.session.streams() != pieces.session.streams()) std::abort();
  return 0;
}
