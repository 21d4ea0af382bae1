// Address templates: whatever stands between the braces, evaluation ends, soon and small.
#include "runtime/config/address_template/run.hpp"
#include "runtime/config/steps.hpp"

using namespace actord;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const host_facts host = [] {
    host_facts h;
    h.hostname = "vm";
    h.interfaces = {{"lo", "127.0.0.1", true, true, 8, 1, 65536, "", false, false, false},
                    {"lo", "::1", true, true, 128, 1, 65536, "", false, false, false},
                    {"eth0", "10.1.2.3", true, false, 24, 2, 1500, "02:00:00:00:00:01", true, false, true},
                    {"eth0", "2a02:1::5", true, false, 64, 2, 1500, "02:00:00:00:00:01", true, false, true}};
    h.default_interface = "eth0";
    return h;
  }();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto out = expand_template(text, host);
  if (out && text.find("{{") != text.npos && out->size() > address_template::max_value_bytes) __builtin_trap();
  return 0;
}
