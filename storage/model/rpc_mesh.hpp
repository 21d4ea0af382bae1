// What Consul's RPC asks and answers about configuration entries, intentions and federation states.
#pragma once
#include "storage/model/catalog.hpp"
#include "storage/model/rpc_fields.hpp"

namespace actord::rpc {

struct config_entry_query { // ConfigEntry.Get, List
  std::string kind, name, datacenter;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Name", s.name);
    v("Datacenter", s.datacenter);
    read_options::fields(v, s.options);
  }
};

struct config_entries_tail { // what follows the count and the kind in ConfigEntry.List's answer
  std::string kind;
  string_slice entries;
  reply_meta meta;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Entries", s.entries);
    reply_meta::fields(v, s.meta);
  }
};

struct service_config_query { // ConfigEntry.ResolveServiceConfig
  std::string name, datacenter;
  string_slice upstreams;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Name", s.name);
    v("Datacenter", s.datacenter);
    v("Upstreams", s.upstreams);
    read_options::fields(v, s.options);
  }
};

struct service_config_reply { // nothing is configured: its maps are nil
  string_slice proxy_config, upstream_configs, upstream_id_configs;
  mesh_gateway_config mesh_gateway;
  expose_config expose;
  reply_meta meta;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ProxyConfig", s.proxy_config);
    v("UpstreamConfigs", s.upstream_configs);
    v("UpstreamIDConfigs", s.upstream_id_configs);
    v("MeshGateway", s.mesh_gateway);
    v("Expose", s.expose);
    reply_meta::fields(v, s.meta);
  }
};

struct intention_end {
  std::string ns, name;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Namespace", s.ns);
    v("Name", s.name);
  }
};
struct intention_match {
  std::string type;
  list_of<intention_end> entries;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Type", s.type);
    v("Entries", s.entries);
  }
};
struct intention_check {
  std::string source_name, destination_name;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("SourceName", s.source_name);
    v("DestinationName", s.destination_name);
  }
};
struct intention_query { // Intention.Get, Match, Check
  std::string datacenter, intention_id;
  boxed<intention_match> match;
  boxed<intention_check> check;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("IntentionID", s.intention_id);
    v("Match", s.match);
    v("Check", s.check);
    read_options::fields(v, s.options);
  }
};
struct intention_matches_reply { // per entry that was asked for its intentions, nil without any
  list_of<string_slice> matches;
  reply_meta meta;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Matches", s.matches);
    reply_meta::fields(v, s.meta);
  }
};
struct intention_check_reply {
  bool allowed = false;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("Allowed", s.allowed); }
};

struct named_by_id {
  std::string id;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("ID", s.id); }
};
struct intention_apply {
  std::string datacenter, op;
  boxed<named_by_id> intention;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Op", s.op);
    v("Intention", s.intention);
  }
};
struct federation_state_query {
  std::string datacenter, target;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("TargetDatacenter", s.target);
    read_options::fields(v, s.options);
  }
};
struct federation_state_reply {
  string_slice state; // nil: there is none
  reply_meta meta;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("State", s.state);
    reply_meta::fields(v, s.meta);
  }
};
struct raft_stats { // Status.RaftStats
  std::string last_contact;
  uint64_t last_index = 0, last_term = 0;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("LastContact", s.last_contact);
    v("LastIndex", s.last_index);
    v("LastTerm", s.last_term);
  }
};

} // namespace actord::rpc
