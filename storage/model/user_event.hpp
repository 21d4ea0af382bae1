// A user event as the HTTP API and an agent's list of events show it.
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

struct user_event_record {
  std::string id, name, payload;
  std::string node_filter, service_filter, tag_filter; // regular expressions; "" lets everybody pass
  int64_t version = 1;
  uint64_t ltime = 0; // when the pool knew it, in its Lamport time
  bool operator==(const user_event_record&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Name", s.name);
    v("Payload", s.payload, {.bytes = true});
    v("NodeFilter", s.node_filter);
    v("ServiceFilter", s.service_filter);
    v("TagFilter", s.tag_filter);
    v("Version", s.version);
    v("LTime", s.ltime);
  }
};

// The index of a list whose last event has this id: its two halves, exclusive-or. 0 when it is no UUID.
inline uint64_t event_index(std::string_view id) {
  if (id.size() != 36) return 0;
  uint64_t halves[2] = {0, 0};
  size_t digits = 0;
  for (size_t i = 0; i < id.size(); ++i) {
    const char c = id[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return 0;
      continue;
    }
    const bool decimal = c >= '0' && c <= '9';
    const char lower = static_cast<char>(c | 0x20);
    if (!decimal && !(lower >= 'a' && lower <= 'f')) return 0;
    auto& half = halves[digits++ / 16];
    half = (half << 4) | static_cast<uint64_t>(decimal ? c - '0' : lower - 'a' + 10);
  }
  return halves[0] ^ halves[1];
}

} // namespace actord
