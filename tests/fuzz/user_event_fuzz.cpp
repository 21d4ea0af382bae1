// Any payload of a user event, and any job of consul exec: never a crash, what is read is what is read again, and the
// filters, whatever they are, end.
#include "actors/events/core/event_core.hpp"
#include "actors/events/core/exec_job.hpp"
#include "actors/events/core/wire.hpp"
#include <cstdlib>

using namespace actord;
using namespace actord::events;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(bytes), size);
  if (auto e = decode_event(in)) {
    auto again = decode_event(encode_event(*e));
    if (!again || !(*again == *e)) std::abort();
    (void)concerns_us(*e, "node-1", {{"web", {"a", "b"}}});
    (void)check_event(*e);
    (void)event_index(e->id);
  }
  (void)decode_exec_address(in);
  (void)decode_exec_job(in);
  return 0;
}
