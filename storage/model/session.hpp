// A session and what it depends on (storage/model/format.md, storage/state/semantics.md).
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

inline constexpr std::string_view session_behavior_release = "release", session_behavior_delete = "delete";

struct session_service_check {
  std::string id;
  std::string ns;
  bool operator==(const session_service_check&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Namespace", s.ns);
  }
};

// lock_delay is a number of nanoseconds in JSON, ttl is text ("" for none).
struct session_record {
  std::string id;
  std::string name;
  std::string node;
  nanos lock_delay{0};
  std::string behavior;
  std::string ttl;
  string_slice node_checks;
  list_of<session_service_check> service_checks;
  string_slice checks;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const session_record&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Name", s.name);
    v("Node", s.node);
    v("LockDelay", s.lock_delay, {.numeric = true});
    v("Behavior", s.behavior);
    v("TTL", s.ttl);
    v("NodeChecks", s.node_checks);
    v("ServiceChecks", s.service_checks);
    v("Checks", s.checks, {.omit_empty = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

} // namespace actord
