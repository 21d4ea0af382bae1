// JSON bodies: any bytes decode into a record or give an error, and what was decoded encodes to JSON that decodes again. Lists are as long
// as was counted before.
#include "runtime/base/json_codec.hpp"
#include "runtime/base/json_lists.hpp"
#include "storage/model/agent.hpp"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  actord::service_definition x, y;
  const std::string_view given(reinterpret_cast<const char*>(bytes), size);
  const auto counted = actord::count_json_lists(given).outermost;
  if (const auto doc = actord::json_document::parse(given); doc && counted != (doc->root().IsArray() ? doc->root().Size() : 0)) std::abort();
  if (!actord::from_json(given, x)) return 0;
  auto text = actord::to_json(x);
  if (!actord::from_json(text, y)) std::abort();
  actord::json_pretty(text);
  return 0;
}
