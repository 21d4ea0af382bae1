// Whatever a peer sends: decoding ends in a message or an error, and a message survives another round trip.
#include "actors/raft/core/wire.hpp"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace actord::raft;
  auto m = decode({reinterpret_cast<const char*>(bytes), size});
  if (!m) return 0;
  std::string again;
  encode(*m, again);
  auto twice = decode(again);
  if (!twice || twice->entries.size() != m->entries.size() || twice->term != m->term) std::abort();
  return 0;
}
