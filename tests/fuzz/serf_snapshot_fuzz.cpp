// Any snapshot file: never a crash, and what is read is what is read again from its compacted form.
#include "actors/members/core/address_text.hpp"
#include "actors/members/core/snapshot.hpp"
#include <cstdlib>

using namespace actord;
using namespace actord::members;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(bytes), size);
  size_t skipped = 0;
  const auto got = read_snapshot(in, size % 2 == 0, &skipped);
  if (skipped > size) std::abort();
  snapshot_writer w(got, size, false);
  if (!(read_snapshot(w.compacted(), false) == got)) std::abort();
  for (const auto& [name, at] : got.alive)
    if (const auto a = parse_address(at); a && parse_address(address_text(*a))->port != a->port) std::abort();
  return 0;
}
