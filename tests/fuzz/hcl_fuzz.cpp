// Configuration files: whatever the bytes, a bounded tree or an error; a tree survives JSON and back; and the loader
// makes settings or an error of it.
#include "runtime/base/hcl.hpp"
#include "runtime/config/loader.hpp"
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace actord;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (auto parse : {parse_hcl, parse_json_value}) {
    auto tree = parse(text, "f", {.max_bytes = 1 << 20, .max_depth = 64, .max_nodes = 10'000});
    if (!tree) continue;
    const auto json = to_json(*tree);
    auto again = parse_json_value(json, "f", {.max_bytes = size_t{1} << 30, .max_depth = 128, .max_nodes = 100'000});
    if (!again || to_json(*again) != json) std::abort();
  }
  host_facts host;
  host.hostname = "vm";
  host.interfaces = {{"lo", "127.0.0.1", true, true}, {"eth0", "192.0.2.2", true, false}};
  load_request request;
  request.hcl = {std::string(text)};
  request.dev = true;
  if (auto loaded = load(request, host); loaded) {
    (void)debug_config_json(loaded->config);
    if (!reloadable_changes(loaded->config, loaded->config).fixed.empty()) std::abort();
  }
  return 0;
}
