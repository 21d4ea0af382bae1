// Configuration entries, one record per kind, and the envelope in which they stand in the log and in snapshots
// (storage/model/format.md).
#pragma once
#include "runtime/base/error.hpp"
#include "storage/model/catalog.hpp"
#include <variant>

namespace actord {

struct service_defaults {
  std::string kind;
  std::string name;
  std::string protocol;
  mesh_gateway_config mesh_gateway;
  expose_config expose;
  std::string external_sni;
  string_table meta;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const service_defaults&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Name", s.name);
    v("Protocol", s.protocol, {.omit_empty = true});
    v("MeshGateway", s.mesh_gateway);
    v("Expose", s.expose);
    v("ExternalSNI", s.external_sni, {.omit_empty = true});
    v("Meta", s.meta, {.omit_empty = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct proxy_defaults {
  std::string kind;
  std::string name;
  free_map config;
  mesh_gateway_config mesh_gateway;
  expose_config expose;
  string_table meta;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const proxy_defaults&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Name", s.name);
    v("Config", s.config);
    v("MeshGateway", s.mesh_gateway);
    v("Expose", s.expose);
    v("Meta", s.meta, {.omit_empty = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct route_header_match {
  std::string name;
  bool present = false;
  std::string exact;
  std::string prefix;
  std::string suffix;
  std::string regex;
  bool invert = false;
  bool operator==(const route_header_match&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Name", s.name);
    v("Present", s.present, {.omit_empty = true});
    v("Exact", s.exact, {.omit_empty = true});
    v("Prefix", s.prefix, {.omit_empty = true});
    v("Suffix", s.suffix, {.omit_empty = true});
    v("Regex", s.regex, {.omit_empty = true});
    v("Invert", s.invert, {.omit_empty = true});
  }
};

struct route_query_match {
  std::string name;
  bool present = false;
  std::string exact;
  std::string regex;
  bool operator==(const route_query_match&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Name", s.name);
    v("Present", s.present, {.omit_empty = true});
    v("Exact", s.exact, {.omit_empty = true});
    v("Regex", s.regex, {.omit_empty = true});
  }
};

struct route_http_match {
  std::string path_exact;
  std::string path_prefix;
  std::string path_regex;
  list_of<route_header_match> header;
  list_of<route_query_match> query_param;
  string_slice methods;
  bool operator==(const route_http_match&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("PathExact", s.path_exact, {.omit_empty = true});
    v("PathPrefix", s.path_prefix, {.omit_empty = true});
    v("PathRegex", s.path_regex, {.omit_empty = true});
    v("Header", s.header, {.omit_empty = true});
    v("QueryParam", s.query_param, {.omit_empty = true});
    v("Methods", s.methods, {.omit_empty = true});
  }
};

struct route_match {
  boxed<route_http_match> http;
  bool operator==(const route_match&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("HTTP", s.http, {.omit_empty = true});
  }
};

struct route_destination {
  std::string service;
  std::string service_subset;
  std::string ns;
  std::string prefix_rewrite;
  nanos request_timeout{0};
  uint64_t num_retries = 0;
  bool retry_on_connect_failure = false;
  list_of<uint64_t> retry_on_status_codes;
  bool operator==(const route_destination&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Service", s.service, {.omit_empty = true});
    v("ServiceSubset", s.service_subset, {.omit_empty = true});
    v("Namespace", s.ns, {.omit_empty = true});
    v("PrefixRewrite", s.prefix_rewrite, {.omit_empty = true});
    v("RequestTimeout", s.request_timeout, {.omit_empty = true});
    v("NumRetries", s.num_retries, {.omit_empty = true});
    v("RetryOnConnectFailure", s.retry_on_connect_failure, {.omit_empty = true});
    v("RetryOnStatusCodes", s.retry_on_status_codes, {.omit_empty = true});
  }
};

struct service_route {
  boxed<route_match> match;
  boxed<route_destination> destination;
  bool operator==(const service_route&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Match", s.match, {.omit_empty = true});
    v("Destination", s.destination, {.omit_empty = true});
  }
};

struct service_router {
  std::string kind;
  std::string name;
  list_of<service_route> routes;
  string_table meta;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const service_router&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Name", s.name);
    v("Routes", s.routes);
    v("Meta", s.meta, {.omit_empty = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

// Per cent, in steps of a hundredth.
struct service_split {
  float weight = 0;
  std::string service;
  std::string service_subset;
  std::string ns;
  bool operator==(const service_split&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Weight", s.weight);
    v("Service", s.service, {.omit_empty = true});
    v("ServiceSubset", s.service_subset, {.omit_empty = true});
    v("Namespace", s.ns, {.omit_empty = true});
  }
};

struct service_splitter {
  std::string kind;
  std::string name;
  list_of<service_split> splits;
  string_table meta;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const service_splitter&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Name", s.name);
    v("Splits", s.splits);
    v("Meta", s.meta, {.omit_empty = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct resolver_subset {
  std::string filter;
  bool only_passing = false;
  bool operator==(const resolver_subset&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Filter", s.filter, {.omit_empty = true});
    v("OnlyPassing", s.only_passing, {.omit_empty = true});
  }
};

struct resolver_redirect {
  std::string service;
  std::string service_subset;
  std::string ns;
  std::string datacenter;
  bool operator==(const resolver_redirect&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Service", s.service, {.omit_empty = true});
    v("ServiceSubset", s.service_subset, {.omit_empty = true});
    v("Namespace", s.ns, {.omit_empty = true});
    v("Datacenter", s.datacenter, {.omit_empty = true});
  }
};

struct resolver_failover {
  std::string service;
  std::string service_subset;
  std::string ns;
  string_slice datacenters;
  bool operator==(const resolver_failover&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Service", s.service, {.omit_empty = true});
    v("ServiceSubset", s.service_subset, {.omit_empty = true});
    v("Namespace", s.ns, {.omit_empty = true});
    v("Datacenters", s.datacenters, {.omit_empty = true});
  }
};

struct service_resolver {
  std::string kind;
  std::string name;
  std::string default_subset;
  map_of<resolver_subset> subsets;
  boxed<resolver_redirect> redirect;
  map_of<resolver_failover> failover;
  nanos connect_timeout{0};
  string_table meta;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const service_resolver&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Name", s.name);
    v("DefaultSubset", s.default_subset, {.omit_empty = true});
    v("Subsets", s.subsets, {.omit_empty = true});
    v("Redirect", s.redirect, {.omit_empty = true});
    v("Failover", s.failover, {.omit_empty = true});
    v("ConnectTimeout", s.connect_timeout, {.omit_empty = true});
    v("Meta", s.meta, {.omit_empty = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct ingress_service {
  std::string name;
  string_slice hosts;
  string_table meta;
  bool operator==(const ingress_service&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Name", s.name);
    v("Hosts", s.hosts);
    v("Meta", s.meta, {.omit_empty = true});
  }
};

struct ingress_listener {
  int64_t port = 0;
  std::string protocol;
  list_of<ingress_service> services;
  bool operator==(const ingress_listener&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Port", s.port);
    v("Protocol", s.protocol);
    v("Services", s.services);
  }
};

struct gateway_tls {
  bool enabled = false;
  bool operator==(const gateway_tls&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Enabled", s.enabled);
  }
};

struct ingress_gateway {
  std::string kind;
  std::string name;
  gateway_tls tls;
  list_of<ingress_listener> listeners;
  string_table meta;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const ingress_gateway&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Name", s.name);
    v("TLS", s.tls);
    v("Listeners", s.listeners);
    v("Meta", s.meta, {.omit_empty = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

struct linked_service {
  std::string name;
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string sni;
  bool operator==(const linked_service&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Name", s.name, {.omit_empty = true});
    v("CAFile", s.ca_file, {.omit_empty = true});
    v("CertFile", s.cert_file, {.omit_empty = true});
    v("KeyFile", s.key_file, {.omit_empty = true});
    v("SNI", s.sni, {.omit_empty = true});
  }
};

struct terminating_gateway {
  std::string kind;
  std::string name;
  list_of<linked_service> services;
  string_table meta;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const terminating_gateway&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Name", s.name);
    v("Services", s.services);
    v("Meta", s.meta, {.omit_empty = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

using config_entry = std::variant<service_defaults, proxy_defaults, service_router, service_splitter, service_resolver,
                                  ingress_gateway, terminating_gateway>;

struct config_entry_request { // op is upsert, upsert-cas or delete
  std::string datacenter, op, token;
  config_entry entry;
};

// The body of a record of type 22: the kind and the request, as two msgpack values. Errors: errc::corrupt, or
// bad_request `invalid config entry kind: foo`.
std::string encode_config_entry(const config_entry_request& r);
result<config_entry_request> decode_config_entry(std::string_view body);

} // namespace actord
