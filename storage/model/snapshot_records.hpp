// Records that only a snapshot has, and the numbers of all of them (storage/model/format.md).
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

enum class snapshot_record : uint8_t {
  registration = 0, // register_request
  kv = 2,
  session = 3,
  tombstone = 5,    // kv_entry with key and modify_index only
  coordinates = 6,  // an array of coordinate_record
  prepared_query = 7,
  autopilot = 9,
  intention = 12,
  ca_root = 13,
  ca_provider_state = 14,
  ca_configuration = 15,
  index = 16,
  acl_token = 17,
  acl_policy = 19,
  config = 22,       // a byte string, see config_entry.hpp
  acl_role = 23,
  acl_binding_rule = 25,
  acl_auth_method = 27,
  chunking = 29,
  federation_state = 30,
};

struct snapshot_header {
  uint64_t last_index = 0;
  bool operator==(const snapshot_header&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("LastIndex", s.last_index);
  }
};

// The X-Consul-Index of a table or a service after a restore.
struct index_record {
  std::string key;
  uint64_t value = 0;
  bool operator==(const index_record&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Key", s.key);
    v("Value", s.value);
  }
};

// Halves of commands that Consul's log was cutting in pieces. Ours never are, so only the empty one is written, and a
// reader skips the record whatever is in it.
struct chunking_state {
  free_map chunk_map;
  bool operator==(const chunking_state&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ChunkMap", s.chunk_map);
  }
};

} // namespace actord
