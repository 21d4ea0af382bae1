// Any text as ?filter=: it compiles or says why, and what compiles can be evaluated.
#include "api/http/core/filter.hpp"
#include "storage/model/catalog.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const actord::check_service_node instance = [] {
    actord::check_service_node n;
    n.node.node = n.service.service = "web";
    n.service.tags = {"v1"};
    n.service.meta["env"] = "prod";
    n.checks.emplace_back().status = "passing";
    return n;
  }();
  auto f = actord::filter::compile<actord::check_service_node>({reinterpret_cast<const char*>(bytes), size});
  if (f) (void)f->matches(instance);
  return 0;
}
