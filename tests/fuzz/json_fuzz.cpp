// JSON bodies: any bytes decode into a record or give an error, and what was decoded encodes to JSON that decodes again.
#include "runtime/base/json_codec.hpp"
#include "storage/model/agent.hpp"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  actord::service_definition x, y;
  if (!actord::from_json({reinterpret_cast<const char*>(bytes), size}, x)) return 0;
  auto text = actord::to_json(x);
  if (!actord::from_json(text, y)) std::abort();
  actord::json_pretty(text);
  return 0;
}
