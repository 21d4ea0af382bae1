// The mesh's certificate authority. Certificates and keys are PEM text.
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

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

// The state of the built-in provider; never leaves the servers.
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
