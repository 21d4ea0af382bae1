// The settings of one node, resolved: defaults applied, templates expanded, ports joined to addresses. The loader makes
// one; everybody else reads it. Flat, so that one row of the field table points at one member. The names are those of
// the configuration keys (a block's name is a prefix). Durations are nanoseconds, sizes are bytes.
#pragma once
#include "runtime/base/duration.hpp"
#include "runtime/base/value.hpp"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace actord {

using string_list = std::vector<std::string>;
using string_map = std::map<std::string, std::string>;

// Where to listen: an IP address with a port, or a unix socket.
struct listen_address {
  std::string host;      // an IP literal without brackets; "" for a unix socket
  int port = -1;
  std::string unix_path; // without "unix://"; "" for TCP/UDP

  bool is_unix() const { return !unix_path.empty(); }
  std::string host_port() const; // "127.0.0.1:8500", "[::1]:8500", or the socket's path
  bool operator==(const listen_address&) const = default;
};
using listen_list = std::vector<listen_address>;

struct node_config {
  // ---- identity ----
  std::string datacenter = "dc1";     // lower case
  std::string primary_datacenter;     // resolved: the own datacenter when unset
  std::string node_name;              // resolved: the host's name
  std::string node_id;                // "" = take load_or_create_node_id(data_dir)
  string_map node_meta;
  bool disable_host_node_id = true;
  std::string data_dir;               // "" only in dev mode: keep everything in memory (or a temporary folder)
  bool dev_mode = false;
  bool server = false;
  bool bootstrap = false;             // resolved: also true when bootstrap_expect is 1
  int bootstrap_expect = 0;           // resolved: 0 when it was 1
  bool non_voting_server = false;
  std::string segment;
  std::string pid_file;

  // ---- addresses: IP literals unless said otherwise ----
  std::string bind_addr = "0.0.0.0";
  string_list client_addrs = {"127.0.0.1"};
  std::string advertise_addr;         // resolved: never a wildcard
  std::string advertise_addr_wan;     // resolved
  string_map tagged_addresses;        // resolved: lan, wan and those of lan_ipv4/lan_ipv6/wan_ipv4/wan_ipv6 that are known
  bool translate_wan_addrs = false;
  std::string serf_lan;               // resolved: bind_addr when unset
  std::string serf_wan;
  string_list serf_lan_allowed_cidrs; // empty = everybody
  string_list serf_wan_allowed_cidrs;

  // ---- ports: -1 = off ----
  int port_dns = 8600;
  int port_http = 8500;
  int port_https = -1;
  int port_grpc = -1;
  int port_server = 8300;
  int port_serf_lan = 8301;
  int port_serf_wan = 8302;
  int port_actor = -1;                // CAF applications; ours, not Consul's
  int sidecar_min_port = 21000;
  int sidecar_max_port = 21255;
  int expose_min_port = 21500;
  int expose_max_port = 21755;

  // ---- listeners, resolved from addresses.*, client_addr and ports; empty = off ----
  listen_list dns_addrs;              // UDP and TCP alike
  listen_list http_addrs;
  listen_list https_addrs;
  listen_list grpc_addrs;
  listen_address rpc_bind;            // server port
  listen_address rpc_advertise;
  listen_address serf_bind_lan;
  listen_address serf_bind_wan;       // port -1 when the WAN pool is off
  listen_address serf_advertise_lan;
  listen_address serf_advertise_wan;
  std::string unix_sockets_user;
  std::string unix_sockets_group;
  std::string unix_sockets_mode;      // octal text

  // ---- joining and leaving ----
  string_list start_join, start_join_wan, retry_join, retry_join_wan;
  nanos retry_interval = std::chrono::seconds(30);
  nanos retry_interval_wan = std::chrono::seconds(30);
  int retry_max = 0;                  // 0 = for ever
  int retry_max_wan = 0;
  bool rejoin_after_leave = false;
  bool leave_on_terminate = true;     // resolved: !server unless set
  bool skip_leave_on_interrupt = false; // resolved: server unless set
  nanos reconnect_timeout = std::chrono::hours(72);
  nanos reconnect_timeout_wan = std::chrono::hours(72);
  string_list primary_gateways;
  nanos primary_gateways_interval = std::chrono::seconds(30);

  // ---- gossip ----
  std::string encrypt;                // base64, "" = plain
  bool encrypt_verify_incoming = true;
  bool encrypt_verify_outgoing = true;
  bool disable_keyring_file = false;
  nanos gossip_lan_gossip_interval = std::chrono::milliseconds(200);
  int gossip_lan_gossip_nodes = 3;
  nanos gossip_lan_probe_interval = std::chrono::seconds(1);
  nanos gossip_lan_probe_timeout = std::chrono::milliseconds(500);
  int gossip_lan_suspicion_mult = 4;
  int gossip_lan_retransmit_mult = 4;
  nanos gossip_wan_gossip_interval = std::chrono::milliseconds(500);
  int gossip_wan_gossip_nodes = 3;
  nanos gossip_wan_probe_interval = std::chrono::seconds(5);
  nanos gossip_wan_probe_timeout = std::chrono::seconds(3);
  int gossip_wan_suspicion_mult = 6;
  int gossip_wan_retransmit_mult = 4;
  bool disable_coordinates = false;
  nanos sync_coordinate_interval_min = std::chrono::seconds(15);
  double sync_coordinate_rate_target = 64;
  nanos coordinate_update_period = std::chrono::seconds(5); // 100 ms in dev mode
  int protocol = 2;

  // ---- raft ----
  int raft_protocol = 3;
  int raft_multiplier = 5;
  nanos raft_heartbeat_timeout = std::chrono::seconds(5);         // resolved: 1 s times the multiplier; dev 35 ms; see raft_tick
  int64_t raft_snapshot_threshold = 16384;                        // entries
  nanos raft_snapshot_interval = std::chrono::seconds(30);
  int64_t raft_trailing_logs = 10240;
  nanos leave_drain_time = std::chrono::seconds(5);
  nanos rpc_hold_timeout = std::chrono::seconds(7);
  nanos server_health_interval = std::chrono::seconds(2);         // dev 10 ms
  bool autopilot_cleanup_dead_servers = true;
  nanos autopilot_last_contact_threshold = std::chrono::milliseconds(200);
  int autopilot_max_trailing_logs = 250;
  int autopilot_min_quorum = 0;
  nanos autopilot_server_stabilization_time = std::chrono::seconds(10);
  std::string autopilot_redundancy_zone_tag;
  bool autopilot_disable_upgrade_migration = false;
  std::string autopilot_upgrade_version_tag;

  // ---- TLS ----
  std::string ca_file, ca_path, cert_file, key_file;
  bool verify_incoming = false;
  bool verify_incoming_rpc = false;   // as set; verify_incoming implies it
  bool verify_incoming_https = false; // as set; verify_incoming implies it
  bool verify_outgoing = false;       // resolved: verify_server_hostname implies it
  bool verify_server_hostname = false;
  std::string server_name;
  std::string tls_min_version = "tls12"; // tls10 … tls13
  std::string tls_cipher_suites;         // comma separated Go names
  bool tls_prefer_server_cipher_suites = false;
  bool enable_agent_tls_for_checks = false;
  bool auto_encrypt_tls = false;
  bool auto_encrypt_allow_tls = false;
  string_list auto_encrypt_dns_san, auto_encrypt_ip_san;

  // ---- ACL ----
  bool acl_enabled = false;           // resolved: also by the old acl_datacenter
  std::string acl_default_policy = "allow";
  std::string acl_down_policy = "extend-cache";
  nanos acl_policy_ttl = std::chrono::seconds(30);
  nanos acl_role_ttl = nanos(0);
  nanos acl_token_ttl = std::chrono::seconds(30);
  bool acl_enable_key_list_policy = false;
  bool acl_enable_token_replication = false;
  bool acl_enable_token_persistence = false;
  std::string acl_token_master, acl_token_agent, acl_token_agent_master, acl_token_default, acl_token_replication;

  // ---- DNS ----
  std::string domain = "consul.";     // lower case, ends in a dot
  std::string alt_domain;             // "" or ends in a dot
  string_list recursors;              // host:port, the port 53 unless given
  bool dns_allow_stale = true;
  nanos dns_max_stale = std::chrono::hours(87600);
  nanos dns_node_ttl = nanos(0);
  std::map<std::string, nanos> dns_service_ttl; // name, or a prefix that ends in "*"
  bool dns_only_passing = false;
  int dns_udp_answer_limit = 3;
  int dns_a_record_limit = 0;
  bool dns_enable_truncate = false;
  bool dns_disable_compression = false;
  nanos dns_recursor_timeout = std::chrono::seconds(2);
  bool dns_enable_additional_node_meta_txt = true;
  uint32_t dns_soa_refresh = 3600, dns_soa_retry = 600, dns_soa_expire = 86400, dns_soa_min_ttl = 0; // seconds
  bool dns_use_cache = false;
  nanos dns_cache_max_age = nanos(0);

  // ---- HTTP, queries, limits ----
  string_list http_block_endpoints;
  string_map http_response_headers;
  string_list http_allow_write_http_from; // CIDRs; empty = everybody
  bool http_use_cache = true;
  nanos default_query_time = std::chrono::seconds(300);
  nanos max_query_time = std::chrono::seconds(600);
  nanos discovery_max_stale = nanos(0);
  nanos session_ttl_min = std::chrono::seconds(10);
  int http_max_conns_per_client = 200;
  nanos https_handshake_timeout = std::chrono::seconds(5);
  nanos rpc_handshake_timeout = std::chrono::seconds(5);
  double rpc_rate = -1;               // requests per second, < 0 = unlimited
  int rpc_max_burst = 1000;
  int rpc_max_conns_per_client = 100;
  int64_t rpc_max_held_bytes = 0;     // 0: by the machine's memory
  int64_t kv_max_value_size = 524288;
  int64_t txn_max_req_len = 524288;
  double cache_entry_fetch_rate = 1.7976931348623157e308;
  int cache_entry_fetch_max_burst = 2;
  bool disable_http_unprintable_char_filter = false;
  bool enable_debug = false;
  bool ui = false;
  std::string ui_dir;
  std::string ui_content_path = "/ui/"; // begins and ends with a slash

  // ---- services, checks, watches: values of the files, with canonical snake_case keys (definition_schema.hpp) and
  // types checked; service_to_api_json and check_to_api_json give them the shape of the HTTP API ----
  std::vector<config_value> services;
  std::vector<config_value> checks;
  std::vector<config_value> watches;
  bool enable_script_checks = false;  // scripts from the API
  bool enable_local_script_checks = false; // scripts from files; resolved: also when enable_script_checks
  nanos check_update_interval = std::chrono::minutes(5);
  int check_output_max_size = 4096;
  bool discard_check_output = false;
  nanos check_deregister_interval_min = std::chrono::minutes(1);
  nanos check_reap_interval = std::chrono::seconds(30);
  nanos ae_interval = std::chrono::minutes(1);
  bool disable_remote_exec = true;

  // ---- connect and central configuration ----
  bool connect_enabled = false;
  std::string connect_ca_provider;
  config_value connect_ca_config;     // an object, or null
  bool connect_enable_mesh_gateway_wan_federation = false;
  std::vector<config_value> config_entries_bootstrap;
  bool enable_central_service_config = false;

  // ---- logging and telemetry ----
  std::string log_level = "INFO";     // upper case: TRACE DEBUG INFO WARN ERR
  bool log_json = false;
  std::string log_file;
  int64_t log_rotate_bytes = 0;       // 0 = by time only
  nanos log_rotate_duration = nanos(0); // 0 = 24 h
  int log_rotate_max_files = 0;       // 0 = keep all
  bool enable_syslog = false;
  std::string syslog_facility = "LOCAL0";
  std::string telemetry_metrics_prefix = "consul";
  bool telemetry_disable_hostname = false;
  bool telemetry_filter_default = true;
  string_list telemetry_prefix_filter;  // "+a", "-b"
  nanos telemetry_prometheus_retention_time = nanos(0);
  std::string telemetry_statsd_address, telemetry_statsite_address, telemetry_dogstatsd_addr;
  string_list telemetry_dogstatsd_tags;
  bool disable_update_check = false;
  bool disable_anonymous_signature = false;
};

} // namespace actord
