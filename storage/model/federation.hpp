// Federation states and what else only a snapshot holds (reference/snapshot-format.md 3.11, 3.12).
#pragma once
#include "runtime/base/fields.hpp"
#include "storage/model/catalog.hpp"

namespace actord {

struct gateway_instance {
  boxed<node_record> node;
  boxed<node_service> service;
  list_of<health_check> checks;
  bool operator==(const gateway_instance&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Node", s.node);
    v("Service", s.service);
    v("Checks", s.checks);
  }
};

struct federation_state {
  std::string datacenter;
  list_of<gateway_instance> mesh_gateways;
  wall_time updated_at;
  uint64_t primary_modify_index = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const federation_state&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("MeshGateways", s.mesh_gateways);
    v("UpdatedAt", s.updated_at);
    v("PrimaryModifyIndex", s.primary_modify_index);
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct federation_state_request {
  std::string datacenter;
  std::string op;
  boxed<federation_state> state;
  std::string token;
  bool operator==(const federation_state_request&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Op", s.op);
    v("State", s.state);
    v("Token", s.token);
  }
};

// One table's index.
struct index_record {
  std::string key;
  uint64_t value = 0;
  bool operator==(const index_record&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Key", s.key);
    v("Value", s.value);
  }
};

// Unfinished chunked commands; empty in a snapshot of a server at rest.
struct chunking_state {
  free_map chunk_map;
  bool operator==(const chunking_state&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ChunkMap", s.chunk_map);
  }
};

} // namespace actord
