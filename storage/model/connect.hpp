// Intentions and the built-in certificate authority (reference/snapshot-format.md 3.8, 3.9).
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

struct intention {
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
  bool operator==(const intention&) const = default;
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

struct ca_root {
  std::string id;
  std::string name;
  uint64_t serial_number = 0;
  std::string signing_key_id;
  std::string external_trust_domain;
  wall_time not_before;
  wall_time not_after;
  std::string root_cert;
  string_slice intermediate_certs;
  std::string signing_cert;
  std::string signing_key;
  bool active = false;
  wall_time rotated_out_at;
  std::string private_key_type;
  int64_t private_key_bits = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const ca_root&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Name", s.name);
    v("SerialNumber", s.serial_number);
    v("SigningKeyID", s.signing_key_id);
    v("ExternalTrustDomain", s.external_trust_domain);
    v("NotBefore", s.not_before);
    v("NotAfter", s.not_after);
    v("RootCert", s.root_cert);
    v("IntermediateCerts", s.intermediate_certs);
    v("SigningCert", s.signing_cert, {.omit_empty = true});
    v("SigningKey", s.signing_key, {.omit_empty = true});
    v("Active", s.active);
    v("RotatedOutAt", s.rotated_out_at, {.json = false});
    v("PrivateKeyType", s.private_key_type);
    v("PrivateKeyBits", s.private_key_bits);
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct ca_provider_state {
  std::string id;
  std::string private_key;
  std::string root_cert;
  std::string intermediate_cert;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const ca_provider_state&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("PrivateKey", s.private_key);
    v("RootCert", s.root_cert);
    v("IntermediateCert", s.intermediate_cert);
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct ca_configuration {
  std::string cluster_id;
  std::string provider;
  free_map config;
  string_table state;
  bool force_without_cross_signing = false;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const ca_configuration&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ClusterID", s.cluster_id, {.json = false});
    v("Provider", s.provider);
    v("Config", s.config);
    v("State", s.state);
    v("ForceWithoutCrossSigning", s.force_without_cross_signing);
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

} // namespace actord
