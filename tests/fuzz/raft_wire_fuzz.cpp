// Whatever a peer sends: decoding ends in a message or an error, and a message survives another round trip. The same of a
// configuration, which comes as an entry's payload.
#include "actors/raft/core/wire.hpp"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace actord::raft;
  const std::string_view in(reinterpret_cast<const char*>(bytes), size);
  if (auto members = decode_membership(in)) {
    std::string again;
    encode(*members, again);
    auto twice = decode_membership(again);
    if (!twice || *twice != *members) std::abort();
  }
  auto m = decode(in);
  if (!m) return 0;
  std::string again;
  encode(*m, again);
  auto twice = decode(again);
  if (!twice || twice->entries.size() != m->entries.size() || twice->term != m->term) std::abort();
  if (m->members && !m->members->empty() && twice->members != m->members) std::abort();
  return 0;
}
