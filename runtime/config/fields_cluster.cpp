#include "runtime/config/field_table.hpp"

namespace actord {

using c = node_config;
using t = field_type;

static void add_gossip(rows& to) {
  add(to, row_maker("serf_lan", &c::serf_lan, "Address to which LAN gossip binds; bind_addr unless set.").flag("serf-lan-bind"));
  add(to, row_maker("serf_wan", &c::serf_wan, "Address to which WAN gossip binds; bind_addr unless set.").flag("serf-wan-bind"));
  add(to, row_maker("serf_lan_allowed_cidrs", &c::serf_lan_allowed_cidrs, "Network (192.168.1.0/24) from which LAN members may come; may be repeated.").flag("serf-lan-allowed-cidrs").go("SerfAllowedCIDRsLAN"));
  add(to, row_maker("serf_wan_allowed_cidrs", &c::serf_wan_allowed_cidrs, "Network (192.168.1.0/24) from which WAN members may come; may be repeated.").flag("serf-wan-allowed-cidrs").go("SerfAllowedCIDRsWAN"));
  add(to, row_maker("encrypt", &c::encrypt, "Key of the gossip traffic: 16, 24 or 32 bytes in base64.").flag("encrypt").go("EncryptKey").hide());
  add(to, row_maker("encrypt_verify_incoming", &c::encrypt_verify_incoming, "Refuse gossip that is not encrypted.").go("EncryptVerifyIncoming"));
  add(to, row_maker("encrypt_verify_outgoing", &c::encrypt_verify_outgoing, "Encrypt outgoing gossip.").go("EncryptVerifyOutgoing"));
  add(to, row_maker("disable_keyring_file", &c::disable_keyring_file, "Do not keep the gossip keys in the data directory.").flag("disable-keyring-file").go("DisableKeyringFile"));
  add(to, row_maker("gossip_lan.gossip_interval", &c::gossip_lan_gossip_interval, "Time between two rounds of gossip.").go("GossipLANGossipInterval"));
  add(to, row_maker("gossip_lan.gossip_nodes", &c::gossip_lan_gossip_nodes, "Nodes told per round of gossip.").go("GossipLANGossipNodes"));
  add(to, row_maker("gossip_lan.probe_interval", &c::gossip_lan_probe_interval, "Time between two failure probes.").go("GossipLANProbeInterval"));
  add(to, row_maker("gossip_lan.probe_timeout", &c::gossip_lan_probe_timeout, "Time a probed node has to answer.").go("GossipLANProbeTimeout"));
  add(to, row_maker("gossip_lan.suspicion_mult", &c::gossip_lan_suspicion_mult, "Multiplies the time from suspicion to failure.").go("GossipLANSuspicionMult"));
  add(to, row_maker("gossip_lan.retransmit_mult", &c::gossip_lan_retransmit_mult, "Multiplies how often a message is passed on.").go("GossipLANRetransmitMult"));
  add(to, row_maker("gossip_wan.gossip_interval", &c::gossip_wan_gossip_interval, "Time between two rounds of gossip.").go("GossipWANGossipInterval"));
  add(to, row_maker("gossip_wan.gossip_nodes", &c::gossip_wan_gossip_nodes, "Nodes told per round of gossip.").go("GossipWANGossipNodes"));
  add(to, row_maker("gossip_wan.probe_interval", &c::gossip_wan_probe_interval, "Time between two failure probes.").go("GossipWANProbeInterval"));
  add(to, row_maker("gossip_wan.probe_timeout", &c::gossip_wan_probe_timeout, "Time a probed node has to answer.").go("GossipWANProbeTimeout"));
  add(to, row_maker("gossip_wan.suspicion_mult", &c::gossip_wan_suspicion_mult, "Multiplies the time from suspicion to failure.").go("GossipWANSuspicionMult"));
  add(to, row_maker("gossip_wan.retransmit_mult", &c::gossip_wan_retransmit_mult, "Multiplies how often a message is passed on.").go("GossipWANRetransmitMult"));
  add(to, row_maker("disable_coordinates", &c::disable_coordinates, "Do not send network coordinates.").go("DisableCoordinates"));
  add(to, row_maker("sync_coordinate_interval_min", &c::sync_coordinate_interval_min, "Least time between two updates of a node's coordinate.").go("SyncCoordinateIntervalMin").internal());
  add(to, row_maker("sync_coordinate_rate_target", &c::sync_coordinate_rate_target, "Coordinate updates per second in the whole cluster.").go("SyncCoordinateRateTarget").internal());
  add(to, row_maker("protocol", &c::protocol, "Version of Consul's protocol to speak.").flag("protocol").go("RPCProtocol"));
}

static void add_raft(rows& to) {
  add(to, row_maker("raft_protocol", &c::raft_protocol, "Version of the Raft protocol to speak.").flag("raft-protocol").go("RaftProtocol").inert().zero());
  add(to, row_maker("performance.raft_multiplier", &c::raft_multiplier, "Multiplies Raft's time-outs, 1 (fast machines) to 10."));
  add(to, row_maker("performance.leave_drain_time", &c::leave_drain_time, "Time a leaving server goes on answering.").go("LeaveDrainTime").inert());
  add(to, row_maker("performance.rpc_hold_timeout", &c::rpc_hold_timeout, "How long a request waits for a leader before it fails.").go("RPCHoldTimeout"));
  add(to, row_maker("raft_snapshot_threshold", &c::raft_snapshot_threshold, "Log entries after which a snapshot is taken, once they are 16 MiB as well.").go("RaftSnapshotThreshold").zero());
  add(to, row_maker("raft_snapshot_interval", &c::raft_snapshot_interval, "How often the need for a snapshot is looked at.").go("RaftSnapshotInterval").zero());
  add(to, row_maker("raft_trailing_logs", &c::raft_trailing_logs, "Log entries kept behind a snapshot.").go("RaftTrailingLogs").zero());
  add(to, row_maker("autopilot.cleanup_dead_servers", &c::autopilot_cleanup_dead_servers, "Remove dead servers once others have taken their place.").go("AutopilotCleanupDeadServers"));
  add(to, row_maker("autopilot.last_contact_threshold", &c::autopilot_last_contact_threshold, "Silence after which a server counts as unhealthy.").go("AutopilotLastContactThreshold"));
  add(to, row_maker("autopilot.max_trailing_logs", &c::autopilot_max_trailing_logs, "Log entries a healthy server may lag behind.").go("AutopilotMaxTrailingLogs").at_least(0));
  add(to, row_maker("autopilot.min_quorum", &c::autopilot_min_quorum, "Servers below which none is removed.").go("AutopilotMinQuorum"));
  add(to, row_maker("autopilot.server_stabilization_time", &c::autopilot_server_stabilization_time, "How long a new server must be healthy before it votes.").go("AutopilotServerStabilizationTime"));
}

static void add_tls(rows& to) {
  constexpr std::string_view no_tls = "this version speaks no TLS between agents; an agent that was asked for it must not start open";
  add(to, row_maker("ca_file", &c::ca_file, "File of the certificate authorities to trust.").go("CAFile"));
  add(to, row_maker("ca_path", &c::ca_path, "Directory of the certificate authorities to trust.").go("CAPath"));
  add(to, row_maker("cert_file", &c::cert_file, "Certificate of this node, PEM.").go("CertFile"));
  add(to, row_maker("key_file", &c::key_file, "Private key of this node, PEM.").go("KeyFile").hide());
  add(to, row_maker("verify_incoming", &c::verify_incoming, "Demand a certificate of whoever connects.").go("VerifyIncoming").refused(no_tls));
  add(to, row_maker("verify_incoming_rpc", &c::verify_incoming_rpc, "Demand a certificate of whoever connects to the server port.").go("VerifyIncomingRPC").refused(no_tls));
  add(to, row_maker("verify_incoming_https", &c::verify_incoming_https, "Demand a certificate of HTTPS clients.").go("VerifyIncomingHTTPS").inert());
  add(to, row_maker("verify_outgoing", &c::verify_outgoing, "Speak TLS to servers and check their certificates.").go("VerifyOutgoing").refused(no_tls));
  add(to, row_maker("verify_server_hostname", &c::verify_server_hostname, "Servers must show a certificate for server.<datacenter>.<domain>.").go("VerifyServerHostname").refused(no_tls));
  add(to, row_maker("server_name", &c::server_name, "Name to ask for in TLS instead of the node's.").go("ServerName").inert());
  add(to, row_maker("tls_min_version", &c::tls_min_version, "Oldest TLS version accepted: tls10, tls11, tls12, tls13.").go("TLSMinVersion").inert());
  add(to, row_maker("tls_cipher_suites", &c::tls_cipher_suites, "Cipher suites accepted, separated by commas, by their names in Go.").inert());
  add(to, row_maker("tls_prefer_server_cipher_suites", &c::tls_prefer_server_cipher_suites, "The server's order of cipher suites decides.").go("TLSPreferServerCipherSuites").inert());
  add(to, row_maker("enable_agent_tls_for_checks", &c::enable_agent_tls_for_checks, "HTTPS checks show the agent's certificate.").go("EnableAgentTLSForChecks"));
  add(to, row_maker("auto_encrypt.tls", &c::auto_encrypt_tls, "Ask the servers for a certificate.").go("AutoEncryptTLS").refused(no_tls));
  add(to, row_maker("auto_encrypt.allow_tls", &c::auto_encrypt_allow_tls, "Hand certificates to client agents.").go("AutoEncryptAllowTLS").inert());
  add(to, row_maker("auto_encrypt.dns_san", &c::auto_encrypt_dns_san, "DNS names to ask for in that certificate.").go("AutoEncryptDNSSAN").inert());
  add(to, row_maker("auto_encrypt.ip_san", &c::auto_encrypt_ip_san, "IP addresses to ask for in that certificate.").go("AutoEncryptIPSAN").inert());
}

static void add_acl(rows& to) {
  add(to, row_maker("acl.enabled", &c::acl_enabled, "Check every request against its token.").go("ACLsEnabled").refused("ACLs are not enforced by this version; an agent that was asked for them must not start open"));
  add(to, row_maker("acl.default_policy", &c::acl_default_policy, "What is not covered by a rule: allow or deny.").go("ACLDefaultPolicy").inert());
  add(to, row_maker("acl.down_policy", &c::acl_down_policy, "What counts while the servers cannot be asked: allow, deny, extend-cache or async-cache.").go("ACLDownPolicy").inert());
  add(to, row_maker("acl.policy_ttl", &c::acl_policy_ttl, "How long a policy is cached.").go("ACLPolicyTTL").inert());
  add(to, row_maker("acl.role_ttl", &c::acl_role_ttl, "How long a role is cached.").go("ACLRoleTTL").inert());
  add(to, row_maker("acl.token_ttl", &c::acl_token_ttl, "How long a token is cached.").go("ACLTokenTTL").inert());
  add(to, row_maker("acl.enable_key_list_policy", &c::acl_enable_key_list_policy, "Recursive key reads need the list permission.").go("ACLEnableKeyListPolicy").inert());
  add(to, row_maker("acl.enable_token_replication", &c::acl_enable_token_replication, "Copy tokens from the primary datacenter.").go("ACLTokenReplication").inert());
  add(to, row_maker("acl.enable_token_persistence", &c::acl_enable_token_persistence, "Tokens set over the API outlive a restart.").go("ACLEnableTokenPersistence").inert());
  add(to, row_maker("acl.tokens.master", &c::acl_token_master, "Token with all rights that servers create.").go("ACLMasterToken").hide().inert());
  add(to, row_maker("acl.tokens.agent", &c::acl_token_agent, "Token for what the agent does by itself.").go("ACLAgentToken").hide().reload().inert());
  add(to, row_maker("acl.tokens.agent_master", &c::acl_token_agent_master, "Token that opens this agent while the servers cannot be asked.").go("ACLAgentMasterToken").hide().reload().inert());
  add(to, row_maker("acl.tokens.default", &c::acl_token_default, "Token of requests that bring none.").go("ACLToken").hide().reload().inert());
  add(to, row_maker("acl.tokens.replication", &c::acl_token_replication, "Token with which servers copy ACLs from the primary datacenter.").go("ACLReplicationToken").hide().reload().inert());
  // The spellings from before version 1.4; the loader carries them over to the ones above.
  for (auto key : {"acl_agent_master_token", "acl_agent_token", "acl_datacenter", "acl_default_policy", "acl_down_policy",
                   "acl_master_token", "acl_replication_token", "acl_token"})
    add(to, row_maker(key, t::text, "Old spelling of a key of the acl block."));
  add(to, row_maker("acl_ttl", t::duration, "Old spelling of acl.token_ttl."));
  add(to, row_maker("acl_enable_key_list_policy", t::boolean, "Old spelling of acl.enable_key_list_policy."));
  add(to, row_maker("enable_acl_replication", t::boolean, "Old spelling of acl.enable_token_replication."));
}

static void add_connect(rows& to) {
  add(to, row_maker("connect.enabled", &c::connect_enabled, "Issue certificates to services.").go("ConnectEnabled").inert());
  add(to, row_maker("connect.ca_provider", &c::connect_ca_provider, "Who signs: consul, vault or aws-pca.").go("ConnectCAProvider").inert());
  add(to, row_maker("connect.ca_config", &c::connect_ca_config, "Settings of that provider.").go("ConnectCAConfig").hide().inert());
  add(to, row_maker("connect.enable_mesh_gateway_wan_federation", &c::connect_enable_mesh_gateway_wan_federation, "Federate datacenters through mesh gateways.").go("ConnectMeshGatewayWANFederationEnabled").inert());
  add(to, row_maker("config_entries.bootstrap", &c::config_entries_bootstrap, "Config entries that are written when they are absent.").go("ConfigEntryBootstrap").reload().inert());
  add(to, row_maker("enable_central_service_config", &c::enable_central_service_config, "Merge service-defaults and proxy-defaults into registrations.").go("EnableCentralServiceConfig").inert());
}

void add_cluster_fields(rows& to) {
  add_gossip(to);
  add_raft(to);
  add_tls(to);
  add_acl(to);
  add_connect(to);
}

} // namespace actord
