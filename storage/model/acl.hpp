// Tokens, policies, roles, binding rules and authentication methods. Hashes are BLAKE2b-256 (storage/model/format.md).
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

// By the id; the name is what it was at the last write.
struct acl_link {
  std::string id;
  std::string name;
  bool operator==(const acl_link&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Name", s.name);
  }
};

struct acl_service_identity {
  std::string service_name;
  string_slice datacenters;
  bool operator==(const acl_service_identity&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ServiceName", s.service_name);
    v("Datacenters", s.datacenters, {.omit_empty = true});
  }
};

struct acl_node_identity {
  std::string node_name;
  std::string datacenter;
  bool operator==(const acl_node_identity&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("NodeName", s.node_name);
    v("Datacenter", s.datacenter);
  }
};

// type is "" (or client, management for legacy tokens).
struct acl_token {
  std::string accessor_id;
  std::string secret_id;
  std::string description;
  list_of<acl_link> policies;
  list_of<acl_link> roles;
  list_of<acl_service_identity> service_identities;
  list_of<acl_node_identity> node_identities;
  std::string type;
  std::string rules;
  bool local = false;
  std::string auth_method;
  boxed<wall_time> expiration_time;
  nanos expiration_ttl{0};
  wall_time create_time;
  std::string hash;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const acl_token&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("AccessorID", s.accessor_id);
    v("SecretID", s.secret_id);
    v("Description", s.description);
    v("Policies", s.policies, {.omit_empty = true});
    v("Roles", s.roles, {.omit_empty = true});
    v("ServiceIdentities", s.service_identities, {.omit_empty = true});
    v("NodeIdentities", s.node_identities, {.omit_empty = true});
    v("Type", s.type, {.json = false});
    v("Rules", s.rules, {.omit_empty = true});
    v("Local", s.local);
    v("AuthMethod", s.auth_method, {.omit_empty = true});
    v("ExpirationTime", s.expiration_time, {.omit_empty = true});
    v("ExpirationTTL", s.expiration_ttl, {.omit_empty = true});
    v("CreateTime", s.create_time);
    v("Hash", s.hash, {.bytes = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

// syntax 0 is today's rule language, 1 the legacy one.
struct acl_policy {
  std::string id;
  std::string name;
  std::string description;
  std::string rules;
  int64_t syntax = 0;
  string_slice datacenters;
  std::string hash;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const acl_policy&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Name", s.name);
    v("Description", s.description);
    v("Rules", s.rules);
    v("Syntax", s.syntax, {.json = false});
    v("Datacenters", s.datacenters, {.omit_empty = true});
    v("Hash", s.hash, {.bytes = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct acl_role {
  std::string id;
  std::string name;
  std::string description;
  list_of<acl_link> policies;
  list_of<acl_service_identity> service_identities;
  list_of<acl_node_identity> node_identities;
  std::string hash;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const acl_role&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Name", s.name);
    v("Description", s.description);
    v("Policies", s.policies, {.omit_empty = true});
    v("ServiceIdentities", s.service_identities, {.omit_empty = true});
    v("NodeIdentities", s.node_identities, {.omit_empty = true});
    v("Hash", s.hash, {.bytes = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

// bind_type is service, role or node.
struct acl_binding_rule {
  std::string id;
  std::string description;
  std::string auth_method;
  std::string selector;
  std::string bind_type;
  std::string bind_name;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const acl_binding_rule&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Description", s.description);
    v("AuthMethod", s.auth_method);
    v("Selector", s.selector);
    v("BindType", s.bind_type);
    v("BindName", s.bind_name);
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct acl_auth_method {
  std::string name;
  std::string type;
  std::string display_name;
  std::string description;
  nanos max_token_ttl{0};
  std::string token_locality;
  free_map config;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const acl_auth_method&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Name", s.name);
    v("Type", s.type);
    v("DisplayName", s.display_name, {.omit_empty = true});
    v("Description", s.description, {.omit_empty = true});
    v("MaxTokenTTL", s.max_token_ttl, {.omit_empty = true});
    v("TokenLocality", s.token_locality, {.omit_empty = true});
    v("Config", s.config);
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

} // namespace actord
