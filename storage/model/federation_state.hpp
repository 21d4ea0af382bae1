// What another datacenter's mesh gateways are.
#pragma once
#include "storage/model/catalog.hpp"

namespace actord {

struct federation_state {
  std::string datacenter;
  list_of<check_service_node> mesh_gateways;
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

} // namespace actord
