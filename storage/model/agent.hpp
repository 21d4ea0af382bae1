// What is registered with the local agent: the bodies of /v1/agent/service/register and /v1/agent/check/register, the
// service and check blocks of configuration files, and the JSON of /v1/agent/services. Aliases are the snake_case
// spellings that Consul accepts (CheckType, CheckDefinition, ServiceDefinition there).
#pragma once
#include "storage/model/catalog.hpp"

namespace actord {

// One check as it is registered. The service form calls its id CheckID, the stand-alone form ID; both decode here.
struct check_registration {
  std::string id, name, status, notes, service_id, token;
  string_slice script_args;
  std::string http;
  map_of<string_slice> header;
  std::string method, body, tcp;
  nanos interval{0};
  std::string alias_node, alias_service, docker_container_id, shell, grpc;
  bool grpc_use_tls = false, tls_skip_verify = false;
  nanos timeout{0}, ttl{0};
  int64_t success_before_passing = 0, failures_before_critical = 0;
  std::string proxy_http, proxy_grpc;
  nanos deregister_critical_service_after{0};
  int64_t output_max_size = 0;
  bool operator==(const check_registration&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id, {.alias = "CheckID"});
    v("Name", s.name);
    v("Status", s.status);
    v("Notes", s.notes);
    v("ServiceID", s.service_id, {.alias = "service_id"});
    v("Token", s.token);
    v("ScriptArgs", s.script_args, {.alias = "script_args"});
    v("Args", s.script_args, {.msgpack = false});
    v("HTTP", s.http);
    v("Header", s.header);
    v("Method", s.method);
    v("Body", s.body);
    v("TCP", s.tcp);
    v("Interval", s.interval);
    v("AliasNode", s.alias_node, {.alias = "alias_node"});
    v("AliasService", s.alias_service, {.alias = "alias_service"});
    v("DockerContainerID", s.docker_container_id, {.alias = "docker_container_id"});
    v("Shell", s.shell);
    v("GRPC", s.grpc);
    v("GRPCUseTLS", s.grpc_use_tls, {.alias = "grpc_use_tls"});
    v("TLSSkipVerify", s.tls_skip_verify, {.alias = "tls_skip_verify"});
    v("Timeout", s.timeout);
    v("TTL", s.ttl);
    v("SuccessBeforePassing", s.success_before_passing, {.alias = "success_before_passing"});
    v("FailuresBeforeCritical", s.failures_before_critical, {.alias = "failures_before_critical"});
    v("ProxyHTTP", s.proxy_http, {.alias = "proxy_http"});
    v("ProxyGRPC", s.proxy_grpc, {.alias = "proxy_grpc"});
    v("DeregisterCriticalServiceAfter", s.deregister_critical_service_after, {.alias = "deregister_critical_service_after"});
    v("OutputMaxSize", s.output_max_size, {.alias = "output_max_size"});
  }
};

struct service_definition;
struct connect_definition {
  bool native = false;
  boxed<service_definition> sidecar_service;
  bool operator==(const connect_definition&) const;
  static constexpr bool json_takes_unknown = true;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Native", s.native);
    v("SidecarService", s.sidecar_service, {.alias = "sidecar_service"});
  }
};

struct service_definition {
  std::string kind, id, name;
  string_slice tags;
  std::string address;
  map_of<service_address> tagged_addresses;
  string_table meta;
  int64_t port = 0;
  boxed<check_registration> check;
  list_of<check_registration> checks;
  boxed<service_weights> weights;
  std::string token;
  bool enable_tag_override = false;
  boxed<connect_proxy_config> proxy;
  boxed<connect_definition> connect;
  bool operator==(const service_definition&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("ID", s.id);
    v("Name", s.name);
    v("Tags", s.tags);
    v("Address", s.address);
    v("TaggedAddresses", s.tagged_addresses, {.alias = "tagged_addresses"});
    v("Meta", s.meta);
    v("Port", s.port);
    v("Check", s.check);
    v("Checks", s.checks);
    v("Weights", s.weights);
    v("Token", s.token);
    v("EnableTagOverride", s.enable_tag_override, {.alias = "enable_tag_override"});
    v("Proxy", s.proxy);
    v("Connect", s.connect);
  }
};
inline bool connect_definition::operator==(const connect_definition& o) const {
  return native == o.native && sidecar_service == o.sidecar_service;
}

} // namespace actord
