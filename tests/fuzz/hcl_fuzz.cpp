// The readers of configuration files: whatever the bytes, a bounded tree or an error; a tree survives JSON and back.
#include "runtime/base/hcl.hpp"
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace actord;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (auto parse : {parse_hcl, parse_json_value}) {
    auto tree = parse(text, "f", {.max_depth = 64, .max_nodes = 10'000});
    if (!tree) continue;
    const auto json = to_json(*tree);
    auto again = parse_json_value(json, "f", {.max_bytes = size_t{1} << 30, .max_depth = 128});
    if (!again || to_json(*again) != json) std::abort();
  }
  return 0;
}
