// The catalog's records: nodes, services, checks, and the shapes in which the API joins them. Field names, order and
// omitempty are Consul's (storage/model/format.md).
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

inline constexpr std::string_view health_passing = "passing", health_warning = "warning", health_critical = "critical",
                                  health_any = "any", health_maintenance = "maintenance";

struct node_record {
  std::string id; // UUID or ""
  std::string node;
  std::string address;
  std::string datacenter;
  string_table tagged_addresses;
  string_table meta;
  uint64_t create_index = 0, modify_index = 0;
  bool operator==(const node_record&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Node", s.node);
    v("Address", s.address);
    v("Datacenter", s.datacenter);
    v("TaggedAddresses", s.tagged_addresses);
    v("Meta", s.meta);
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct service_address {
  std::string address;
  int64_t port = 0;
  bool operator==(const service_address&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Address", s.address, {.alias = "address"});
    v("Port", s.port, {.alias = "port"});
  }
};

struct service_weights {
  int64_t passing = 1, warning = 1;
  bool operator==(const service_weights&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Passing", s.passing);
    v("Warning", s.warning);
  }
};

struct mesh_gateway_config {
  std::string mode;
  bool operator==(const mesh_gateway_config&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("Mode", s.mode, {.omit_empty = true}); }
};

struct expose_path {
  int64_t listener_port = 0;
  std::string path;
  int64_t local_path_port = 0;
  std::string protocol;
  bool parsed_from_check = false;
  bool operator==(const expose_path&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ListenerPort", s.listener_port, {.omit_empty = true, .alias = "listener_port"});
    v("Path", s.path, {.omit_empty = true});
    v("LocalPathPort", s.local_path_port, {.omit_empty = true, .alias = "local_path_port"});
    v("Protocol", s.protocol, {.omit_empty = true});
    v("ParsedFromCheck", s.parsed_from_check, {.alias = "parsed_from_check"});
  }
};

struct expose_config {
  bool checks = false;
  list_of<expose_path> paths;
  bool operator==(const expose_config&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Checks", s.checks, {.omit_empty = true});
    v("Paths", s.paths, {.omit_empty = true});
  }
};

struct proxy_upstream {
  std::string destination_type, destination_namespace, destination_name, datacenter, local_bind_address;
  int64_t local_bind_port = 0;
  free_map config;
  mesh_gateway_config mesh_gateway;
  string_slice ingress_hosts;
  bool operator==(const proxy_upstream&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("DestinationType", s.destination_type, {.omit_empty = true, .alias = "destination_type"});
    v("DestinationNamespace", s.destination_namespace, {.omit_empty = true, .alias = "destination_namespace"});
    v("DestinationName", s.destination_name, {.alias = "destination_name"});
    v("Datacenter", s.datacenter);
    v("LocalBindAddress", s.local_bind_address, {.omit_empty = true, .alias = "local_bind_address"});
    v("LocalBindPort", s.local_bind_port, {.alias = "local_bind_port"});
    v("Config", s.config, {.filter = false});
    v("MeshGateway", s.mesh_gateway, {.alias = "mesh_gateway"});
    v("IngressHosts", s.ingress_hosts, {.json = false});
  }
};

struct connect_proxy_config {
  std::string destination_service_name, destination_service_id, local_service_address;
  int64_t local_service_port = 0;
  free_map config;
  list_of<proxy_upstream> upstreams;
  mesh_gateway_config mesh_gateway;
  expose_config expose;
  bool operator==(const connect_proxy_config&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("DestinationServiceName", s.destination_service_name, {.omit_empty = true, .alias = "destination_service_name"});
    v("DestinationServiceID", s.destination_service_id, {.omit_empty = true, .alias = "destination_service_id"});
    v("LocalServiceAddress", s.local_service_address, {.omit_empty = true, .alias = "local_service_address"});
    v("LocalServicePort", s.local_service_port, {.omit_empty = true, .alias = "local_service_port"});
    v("Config", s.config, {.omit_empty = true, .filter = false});
    v("Upstreams", s.upstreams, {.omit_empty = true});
    v("MeshGateway", s.mesh_gateway, {.alias = "mesh_gateway"});
    v("Expose", s.expose);
  }
};

struct node_service;

struct service_connect {
  bool native = false;
  bool operator==(const service_connect&) const = default;
  static constexpr bool json_takes_unknown = true;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Native", s.native, {.omit_empty = true});
    // The catalog never holds a sidecar definition, but the record on the wire has the field.
    boxed<service_weights> none;
    v("SidecarService", none, {.json = false, .filter = false});
  }
};

// A service instance on a node (Consul's NodeService).
struct node_service {
  std::string kind; // "" | connect-proxy | mesh-gateway | terminating-gateway | ingress-gateway
  std::string id;
  std::string service; // its name
  string_slice tags;
  std::string address;
  map_of<service_address> tagged_addresses;
  string_table meta;
  int64_t port = 0;
  boxed<service_weights> weights;
  bool enable_tag_override = false;
  connect_proxy_config proxy;
  service_connect connect;
  bool locally_registered_as_sidecar = false;
  uint64_t create_index = 0, modify_index = 0;
  bool operator==(const node_service&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind, {.omit_empty = true});
    v("ID", s.id);
    v("Service", s.service);
    v("Tags", s.tags);
    v("Address", s.address);
    v("TaggedAddresses", s.tagged_addresses, {.omit_empty = true});
    v("Meta", s.meta);
    v("Port", s.port);
    v("Weights", s.weights);
    v("EnableTagOverride", s.enable_tag_override);
    v("Proxy", s.proxy);
    v("Connect", s.connect);
    v("LocallyRegisteredAsSidecar", s.locally_registered_as_sidecar, {.json = false, .filter = false});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

// How a check is run, as the catalog knows it (Consul's HealthCheckDefinition). Durations are text in JSON.
struct check_definition_record {
  std::string http;
  bool tls_skip_verify = false;
  map_of<string_slice> header;
  std::string method, body, tcp;
  nanos interval{0};
  uint64_t output_max_size = 0;
  nanos timeout{0}, deregister_critical_service_after{0};
  string_slice script_args;
  std::string docker_container_id, shell, grpc;
  bool grpc_use_tls = false;
  std::string alias_node, alias_service;
  nanos ttl{0};
  bool operator==(const check_definition_record&) const = default;
  static constexpr bool json_takes_unknown = true;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    constexpr attr omit{.omit_empty = true};
    v("Interval", s.interval, omit);
    v("OutputMaxSize", s.output_max_size, omit);
    v("Timeout", s.timeout, omit);
    v("DeregisterCriticalServiceAfter", s.deregister_critical_service_after, omit);
    v("HTTP", s.http, omit);
    v("TLSSkipVerify", s.tls_skip_verify, omit);
    v("Header", s.header, omit);
    v("Method", s.method, omit);
    v("Body", s.body, omit);
    v("TCP", s.tcp, omit);
    v("ScriptArgs", s.script_args, omit);
    v("DockerContainerID", s.docker_container_id, omit);
    v("Shell", s.shell, omit);
    v("GRPC", s.grpc, omit);
    v("GRPCUseTLS", s.grpc_use_tls, omit);
    v("AliasNode", s.alias_node, omit);
    v("AliasService", s.alias_service, omit);
    v("TTL", s.ttl, omit);
  }
};

struct health_check {
  std::string node, check_id, name, status, notes, output, service_id, service_name;
  string_slice service_tags;
  std::string type; // ttl http tcp script grpc docker alias maintenance or ""
  check_definition_record definition;
  uint64_t create_index = 0, modify_index = 0;
  bool operator==(const health_check&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Node", s.node);
    v("CheckID", s.check_id);
    v("Name", s.name);
    v("Status", s.status);
    v("Notes", s.notes);
    v("Output", s.output);
    v("ServiceID", s.service_id);
    v("ServiceName", s.service_name);
    v("ServiceTags", s.service_tags);
    v("Type", s.type);
    v("Definition", s.definition, {.filter = false});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct node_services { // /v1/catalog/node
  node_record node;
  std::vector<node_service> services;
};

// /v1/health/service and prepared queries: an instance with its node and its checks, node checks first.
struct check_service_node {
  node_record node;
  node_service service;
  list_of<health_check> checks;
  bool operator==(const check_service_node&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Node", s.node);
    v("Service", s.service);
    v("Checks", s.checks);
  }
};

// /v1/catalog/service: node and instance in one flat record.
struct service_node {
  std::string id, node, address, datacenter;
  string_table tagged_addresses, node_meta;
  std::string service_kind, service_id, service_name;
  string_slice service_tags;
  std::string service_address_text;
  service_weights weights;
  string_table service_meta;
  int64_t service_port = 0;
  map_of<service_address> service_tagged_addresses;
  bool enable_tag_override = false;
  connect_proxy_config proxy;
  service_connect connect;
  uint64_t create_index = 0, modify_index = 0;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Node", s.node);
    v("Address", s.address);
    v("Datacenter", s.datacenter);
    v("TaggedAddresses", s.tagged_addresses);
    v("NodeMeta", s.node_meta);
    v("ServiceKind", s.service_kind);
    v("ServiceID", s.service_id);
    v("ServiceName", s.service_name);
    v("ServiceTags", s.service_tags);
    v("ServiceAddress", s.service_address_text);
    v("ServiceTaggedAddresses", s.service_tagged_addresses, {.omit_empty = true});
    v("ServiceWeights", s.weights);
    v("ServiceMeta", s.service_meta);
    v("ServicePort", s.service_port);
    v("ServiceEnableTagOverride", s.enable_tag_override);
    v("ServiceProxy", s.proxy);
    v("ServiceConnect", s.connect);
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

// Consul's RegisterRequest: body of /v1/catalog/register, of the Raft command, of a snapshot's registration record and of
// Catalog.Register over RPC.
struct register_request {
  std::string datacenter, id, node, address;
  string_table tagged_addresses, node_meta;
  boxed<node_service> service;
  boxed<health_check> check;
  list_of<health_check> checks;
  bool skip_node_update = false;
  std::string token;
  uint64_t create_index = 0, modify_index = 0;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("ID", s.id);
    v("Node", s.node);
    v("Address", s.address);
    v("TaggedAddresses", s.tagged_addresses);
    v("NodeMeta", s.node_meta);
    v("Service", s.service);
    v("Check", s.check);
    v("Checks", s.checks);
    v("SkipNodeUpdate", s.skip_node_update);
    v("Token", s.token, {.json = false});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

// Consul's DeregisterRequest: a check, a service or (neither named) the whole node.
struct deregister_request {
  std::string datacenter, node, service_id, check_id;
  std::string token;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Node", s.node);
    v("ServiceID", s.service_id);
    v("CheckID", s.check_id);
    v("Token", s.token, {.json = false});
  }
};

// The worst of a set of check states: maintenance is reported by its check id, critical beats warning beats passing.
template <class Checks> std::string_view aggregated_status(const Checks& checks) {
  std::string_view worst = health_passing;
  for (const health_check& c : checks) {
    if (c.check_id == "_node_maintenance" || c.check_id.starts_with("_service_maintenance:")) return health_maintenance;
    if (c.status == health_critical) worst = health_critical;
    else if (c.status == health_warning && worst != health_critical) worst = health_warning;
  }
  return worst;
}

} // namespace actord
