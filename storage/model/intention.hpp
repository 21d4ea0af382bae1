// Intentions: who may talk to whom in the mesh (hashes: storage/model/format.md).
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

// action is allow or deny; hash is BLAKE2b-256.
struct intention_record {
  std::string id;
  std::string description;
  std::string source_ns;
  std::string source_name;
  std::string destination_ns;
  std::string destination_name;
  std::string source_type;
  std::string action;
  std::string default_addr;
  int64_t default_port = 0;
  string_table meta;
  int64_t precedence = 0;
  wall_time created_at;
  wall_time updated_at;
  std::string hash;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const intention_record&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Description", s.description);
    v("SourceNS", s.source_ns);
    v("SourceName", s.source_name);
    v("DestinationNS", s.destination_ns);
    v("DestinationName", s.destination_name);
    v("SourceType", s.source_type);
    v("Action", s.action);
    v("DefaultAddr", s.default_addr);
    v("DefaultPort", s.default_port);
    v("Meta", s.meta);
    v("Precedence", s.precedence);
    v("CreatedAt", s.created_at);
    v("UpdatedAt", s.updated_at);
    v("Hash", s.hash, {.bytes = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

} // namespace actord
