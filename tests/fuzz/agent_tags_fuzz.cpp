// The tags of a member, as Consul's servers read one another's: any bytes in them, and what is a server says so again.
#include "actors/members/core/agent_tags.hpp"
#include "actors/members/core/wire.hpp"
#include <cstdlib>

using namespace actord::members;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  member m;
  m.name = "n";
  m.at = {std::string(4, '\1'), 8301};
  m.tags = decode_tags({reinterpret_cast<const char*>(bytes), size});
  const auto server = parse_server(m);
  if (server.has_value() != is_server(m.tags)) std::abort();
  agent_profile own;
  own.datacenter = "dc1";
  own.id = "i";
  const std::vector<claim> all{{"n", &m.tags}, {"o", &m.tags}};
  const auto id = m.tags.find("id");
  const bool shares_id = server && id != m.tags.end() && !id->second.empty();
  const auto why = objection_lan(own, "n", all);
  if (shares_id && server->build == "1.8.7:" && !why) std::abort(); // two of one id
  (void)objection_wan(all);
  return 0;
}
