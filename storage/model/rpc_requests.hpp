// Arguments of Consul's RPC, one record per shape (actors/rpc/wire.md). Writes whose record is that of the Raft log
// are not here: register_request, deregister_request, kv_request, txn_request, autopilot_request.
#pragma once
#include "storage/model/coordinate.hpp"
#include "storage/model/rpc_fields.hpp"
#include "storage/model/session.hpp"

namespace actord::rpc {

struct options_request { // Catalog.ListDatacenters
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) { read_options::fields(v, s.options); }
};

// Consul's DCSpecificRequest: Catalog.ListNodes, ListServices, ServiceList; Coordinate.ListNodes; Status.Leader, Peers;
// Internal.NodeDump; Operator.* that read; ConnectCA.Roots; and every other list.
struct datacenter_request {
  std::string datacenter;
  string_table node_meta;
  query_source source;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("NodeMetaFilters", s.node_meta);
    v("Source", s.source);
    read_options::fields(v, s.options);
  }
};

// NodeSpecificRequest: Catalog.NodeServices, NodeServiceList; Health.NodeChecks; Coordinate.Node; Internal.NodeInfo; Session.NodeSessions.
struct node_request {
  std::string datacenter, node;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Node", s.node);
    read_options::fields(v, s.options);
  }
};

// ServiceSpecificRequest: Catalog.ServiceNodes, GatewayServices; Health.ServiceNodes, ServiceChecks; Internal.GatewayServiceDump.
struct service_request {
  std::string datacenter;
  string_table node_meta;
  std::string service;
  std::string tag; // of agents before 1.3
  string_slice tags;
  std::string address;
  bool tag_filter = false; // tags count
  query_source source;
  bool connect = false, ingress = false;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("NodeMetaFilters", s.node_meta);
    v("ServiceName", s.service);
    v("ServiceTag", s.tag);
    v("ServiceTags", s.tags);
    v("ServiceAddress", s.address);
    v("TagFilter", s.tag_filter);
    v("Source", s.source);
    v("Connect", s.connect);
    v("Ingress", s.ingress);
    read_options::fields(v, s.options);
  }
};

struct check_state_request { // Health.ChecksInState
  std::string datacenter;
  string_table node_meta;
  std::string state;
  query_source source;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("NodeMetaFilters", s.node_meta);
    v("State", s.state);
    v("Source", s.source);
    read_options::fields(v, s.options);
  }
};

struct service_dump_request { // Internal.ServiceDump
  std::string datacenter, kind;
  bool use_kind = false;
  query_source source;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("ServiceKind", s.kind);
    v("UseServiceKind", s.use_kind);
    v("Source", s.source);
    read_options::fields(v, s.options);
  }
};

struct key_request { // KVS.Get, KVS.List
  std::string datacenter, key;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Key", s.key);
    read_options::fields(v, s.options);
  }
};

struct key_list_request { // KVS.ListKeys
  std::string datacenter, prefix, separator;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Prefix", s.prefix);
    v("Seperator", s.separator);
    read_options::fields(v, s.options);
  }
};

// Txn.Read; Txn.Apply has txn_request. `Op` is storage/command's txn_op.
template <class Op> struct txn_read_request {
  std::string datacenter;
  list_of<Op> ops;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Ops", s.ops);
    read_options::fields(v, s.options);
  }
};

struct session_apply_request { // Session.Apply: op create or destroy
  std::string datacenter, op;
  session_record session;
  std::string token;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Op", s.op);
    v("Session", s.session);
    v("Token", s.token);
  }
};

struct session_request { // Session.Get, List, Renew
  std::string datacenter, session_id;
  std::string session; // the id again, as agents before 1.7 call it
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("SessionID", s.session_id);
    v("Session", s.session);
    read_options::fields(v, s.options);
  }
};

struct coordinate_update_request { // Coordinate.Update
  std::string datacenter, node, segment;
  coordinate_vector coord;
  std::string token;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Node", s.node);
    v("Segment", s.segment);
    v("Coord", s.coord);
    v("Token", s.token);
  }
};

struct event_fire_request { // Internal.EventFire
  std::string datacenter, name, payload;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Name", s.name);
    v("Payload", s.payload, {.bytes = true});
    read_options::fields(v, s.options);
  }
};

struct keyring_request { // Internal.KeyringOperation: list, install, use, remove
  std::string operation, key, datacenter;
  bool forwarded = false;
  uint8_t relay_factor = 0;
  bool local_only = false;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Operation", s.operation);
    v("Key", s.key);
    v("Datacenter", s.datacenter);
    v("Forwarded", s.forwarded);
    v("RelayFactor", s.relay_factor);
    v("LocalOnly", s.local_only);
    read_options::fields(v, s.options);
  }
};

struct raft_remove_request { // Operator.RaftRemovePeerByID, ByAddress
  std::string datacenter, address, id, token;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Address", s.address);
    v("ID", s.id);
    v("Token", s.token);
  }
};

} // namespace actord::rpc
