// Any bytes as a server's answers to the calls of a view on a client agent: never a crash, and bounded memory. The first
// byte chooses the question.
#include "storage/state/read_view_remote.hpp"

using namespace actord;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string body(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  remote_options o;
  o.datacenter = "dc1";
  remote_view source(o);
  read_view view(source);
  auto ask = [&] {
    query_meta meta;
    kv_entry e;
    switch (bytes[0] % 11) {
    case 0: (void)view.kv_get("k", e, meta); break;
    case 1: view.kv_list("k", meta, [](const kv_entry&) { return true; }); break;
    case 2: (void)view.kv_keys("k", "/", meta); break;
    case 3: (void)view.nodes(meta); break;
    case 4: (void)view.services_of_node("n", meta); break;
    case 5: (void)view.services(meta); break;
    case 6: (void)view.service_instances("s", meta, false, true); break;
    case 7: (void)view.service_instances("s", meta, false, false); break;
    case 8: (void)view.checks_in_state("any", meta); break;
    case 9: (void)view.autopilot(meta); break;
    default: (void)view.service_by_address("10.0.0.1"); break;
    }
  };
  ask();
  for (auto& [number, call] : source.take_needed()) source.answered(number, body);
  ask();
  return 0;
}
