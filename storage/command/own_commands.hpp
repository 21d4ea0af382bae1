// Commands of ours alone; Consul has none of these. The same rules as in commands.hpp: numbers are appended, never reused.
// From 200 on (that one is session_renew), because Consul numbers what may be skipped from 128: a server that does not
// know one refuses it and changes nothing, so that servers of several versions stay alike in all that clients can see.
#pragma once
#include "storage/command/commands.hpp"

namespace actord {

inline constexpr auto lock_delay_reap = static_cast<command_kind>(201); // lock_delay_request

struct ended_delay {
  std::string key;
  uint64_t index = 0; // a delay that began later is another one
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Key", s.key);
    v("Index", s.index);
  }
};
struct lock_delay_request { // lock delays that are over by the leader's clock
  std::string datacenter;
  list_of<ended_delay> ended;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Ended", s.ended);
  }
};

} // namespace actord
