// Any text as a template of a prepared query: it is refused, or filled in.
#include "storage/command/interpolation.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const actord::interpolation_scope scope{{{"name.full", "geo-web"}, {"name.prefix", "geo-"}, {"name.suffix", "web"}, {"agent.segment", ""}}, {"geo-web", "web"}};
  auto parsed = actord::interpolated_text::parse({reinterpret_cast<const char*>(bytes), size});
  if (parsed) (void)parsed->evaluate(scope);
  return 0;
}
