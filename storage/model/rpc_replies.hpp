// Answers of Consul's RPC (actors/rpc/wire.md). Those that are no record of their own: Status.Leader a text,
// Status.Peers and Catalog.ListDatacenters lists of texts, KVS.Apply and Operator.AutopilotSetConfiguration a bool,
// Operator.AutopilotGetConfiguration an autopilot_config, Session.Apply the id; writes of the catalog and Coordinate.Update nothing.
#pragma once
#include "storage/model/catalog.hpp"
#include "storage/model/coordinate.hpp"
#include "storage/model/kv_entry.hpp"
#include "storage/model/rpc_fields.hpp"
#include "storage/model/session.hpp"

namespace actord::rpc {

// Most are one field and the meta: its name belongs to the method.
#define ACTORD_RPC_REPLY(NAME, FIELD, TYPE, MEMBER)                      \
  struct NAME {                                                          \
    TYPE MEMBER;                                                         \
    reply_meta meta;                                                     \
    template <class V, class Self> static void fields(V&& v, Self& s) {  \
      v(FIELD, s.MEMBER);                                                \
      reply_meta::fields(v, s.meta);                                     \
    }                                                                    \
  }

struct named_service {
  std::string name;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("Name", s.name); }
};
struct services_of_node { // Catalog.NodeServices
  boxed<node_record> node;
  map_of<node_service> services; // by id
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Node", s.node);
    v("Services", s.services);
  }
};
struct service_list_of_node { // Catalog.NodeServiceList
  boxed<node_record> node;
  list_of<node_service> services;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Node", s.node);
    v("Services", s.services);
  }
};
struct node_dump { // Consul's NodeInfo
  std::string id, node, address;
  string_table tagged_addresses, meta;
  list_of<node_service> services;
  list_of<health_check> checks;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Node", s.node);
    v("Address", s.address);
    v("TaggedAddresses", s.tagged_addresses);
    v("Meta", s.meta);
    v("Services", s.services);
    v("Checks", s.checks);
  }
};

ACTORD_RPC_REPLY(nodes_reply, "Nodes", list_of<node_record>, nodes);                       // Catalog.ListNodes
ACTORD_RPC_REPLY(services_reply, "Services", map_of<string_slice>, services);              // Catalog.ListServices
ACTORD_RPC_REPLY(service_nodes_reply, "ServiceNodes", list_of<service_node>, nodes);       // Catalog.ServiceNodes
ACTORD_RPC_REPLY(node_services_reply, "NodeServices", boxed<services_of_node>, found);     // Catalog.NodeServices
ACTORD_RPC_REPLY(node_service_list_reply, "NodeServices", service_list_of_node, found);    // Catalog.NodeServiceList
ACTORD_RPC_REPLY(checks_reply, "HealthChecks", list_of<health_check>, checks);             // Health.NodeChecks, ServiceChecks, ChecksInState
ACTORD_RPC_REPLY(instances_reply, "Nodes", list_of<check_service_node>, nodes);            // Health.ServiceNodes, Internal.ServiceDump
ACTORD_RPC_REPLY(entries_reply, "Entries", list_of<kv_entry>, entries);                    // KVS.Get, KVS.List
ACTORD_RPC_REPLY(keys_reply, "Keys", string_slice, keys);                                  // KVS.ListKeys
ACTORD_RPC_REPLY(sessions_reply, "Sessions", list_of<session_record>, sessions);           // Session.Get, List, NodeSessions, Renew
ACTORD_RPC_REPLY(coordinates_reply, "Coordinates", list_of<coordinate_record>, coordinates); // Coordinate.ListNodes, Node
ACTORD_RPC_REPLY(node_dump_reply, "Dump", list_of<node_dump>, nodes);                      // Internal.NodeInfo, NodeDump

struct acl_replication_reply { // ACL.ReplicationStatus
  bool enabled = false, running = false;
  std::string source_datacenter, replication_type;
  uint64_t index = 0, role_index = 0, token_index = 0;
  wall_time last_success, last_error;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Enabled", s.enabled);
    v("Running", s.running);
    v("SourceDatacenter", s.source_datacenter);
    v("ReplicationType", s.replication_type);
    v("ReplicatedIndex", s.index);
    v("ReplicatedRoleIndex", s.role_index);
    v("ReplicatedTokenIndex", s.token_index);
    v("LastSuccess", s.last_success);
    v("LastError", s.last_error);
  }
};

struct meta_reply { // Internal.EventFire
  reply_meta meta;
  template <class V, class Self> static void fields(V&& v, Self& s) { reply_meta::fields(v, s.meta); }
};

// What a server says before it sends or takes a snapshot (actors/rpc/wire.md, Snapshots).
struct snapshot_reply {
  std::string failure;
  reply_meta meta;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Error", s.failure);
    reply_meta::fields(v, s.meta);
  }
};

struct datacenter_coordinates { // Coordinate.ListDatacenters answers a list of these
  std::string datacenter, area;
  list_of<coordinate_record> coordinates;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("AreaID", s.area);
    v("Coordinates", s.coordinates);
  }
};

struct txn_result_record { // exactly one is set
  boxed<kv_entry> kv;
  boxed<node_record> node;
  boxed<node_service> service;
  boxed<health_check> check;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("KV", s.kv);
    v("Node", s.node);
    v("Service", s.service);
    v("Check", s.check);
  }
};
struct txn_error_record {
  int64_t op_index = 0;
  std::string what;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("OpIndex", s.op_index);
    v("What", s.what);
  }
};
struct txn_apply_reply { // Txn.Apply
  list_of<txn_result_record> results;
  list_of<txn_error_record> errors;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Results", s.results);
    v("Errors", s.errors);
  }
};
struct txn_read_reply { // Txn.Read
  txn_apply_reply txn;
  reply_meta meta;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    txn_apply_reply::fields(v, s.txn);
    reply_meta::fields(v, s.meta);
  }
};

struct raft_server_record {
  std::string id, node, address;
  bool leader = false;
  std::string protocol_version;
  bool voter = false;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Node", s.node);
    v("Address", s.address);
    v("Leader", s.leader);
    v("ProtocolVersion", s.protocol_version);
    v("Voter", s.voter);
  }
};
struct raft_configuration_reply { // Operator.RaftGetConfiguration
  list_of<raft_server_record> servers;
  uint64_t index = 0;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Servers", s.servers);
    v("Index", s.index);
  }
};

struct server_health_record {
  std::string id, name, address;
  int64_t serf_status = 0; // 1 alive, 2 leaving, 3 left, 4 failed
  std::string version;
  bool leader = false;
  nanos last_contact{0};
  uint64_t last_term = 0, last_index = 0;
  bool healthy = false, voter = false;
  wall_time stable_since;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Name", s.name);
    v("Address", s.address);
    v("SerfStatus", s.serf_status);
    v("Version", s.version);
    v("Leader", s.leader);
    v("LastContact", s.last_contact);
    v("LastTerm", s.last_term);
    v("LastIndex", s.last_index);
    v("Healthy", s.healthy);
    v("Voter", s.voter);
    v("StableSince", s.stable_since);
  }
};
struct server_health_reply { // Operator.ServerHealth
  bool healthy = false;
  int64_t failure_tolerance = 0;
  list_of<server_health_record> servers;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Healthy", s.healthy);
    v("FailureTolerance", s.failure_tolerance);
    v("Servers", s.servers);
  }
};

struct keyring_response {
  bool wan = false;
  std::string datacenter, segment;
  string_table messages;
  map_of<int64_t> keys, primary_keys;
  int64_t nodes = 0;
  std::string error;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("WAN", s.wan);
    v("Datacenter", s.datacenter);
    v("Segment", s.segment);
    v("Messages", s.messages);
    v("Keys", s.keys);
    v("PrimaryKeys", s.primary_keys);
    v("NumNodes", s.nodes);
    v("Error", s.error);
  }
};
ACTORD_RPC_REPLY(keyring_reply, "Responses", list_of<keyring_response>, responses); // Internal.KeyringOperation
#undef ACTORD_RPC_REPLY

} // namespace actord::rpc
