// Any text as a template of a prepared query: it is refused, or filled in.
#include "storage/command/interpolation.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const actord::interpolation_scope scope{{{"name.full", "geo-web"}, {"name.prefix", "geo-"}, {"name.suffix", "web"}, {"agent.segment", ""}}, {"geo-web", "web"}};
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto parsed = actord::interpolated_text::parse(text);
  if (!parsed) return 0;
  size_t all = 1 << 20, few = 64;
  const bool fills = parsed->evaluate(scope, all).ok();
  if (parsed->check(scope).ok() != fills) __builtin_trap(); // so short a text gives no megabyte
  const auto bounded = parsed->evaluate(scope, few);
  if (bounded && (!fills || bounded->size() > 64)) __builtin_trap();
  const bool has_room = actord::interpolated_text::parse(text, parsed->parts()).ok();
  if (!has_room || (parsed->parts() > 0 && actord::interpolated_text::parse(text, parsed->parts() - 1).ok())) __builtin_trap();
  return 0;
}
