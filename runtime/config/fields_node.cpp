#include "runtime/config/field_table.hpp"

namespace actord {

using c = node_config;
using t = field_type;

static void add_identity(rows& to) {
  add(to, row_maker("datacenter", &c::datacenter, "Name of the datacenter this node belongs to; lower case letters, digits, - and _.").flag("datacenter").go("Datacenter"));
  add(to, row_maker("primary_datacenter", &c::primary_datacenter, "Datacenter that has the say over ACLs, config entries and the CA; the own one unless set.").go("PrimaryDatacenter").inert());
  add(to, row_maker("node_name", &c::node_name, "Name of this node, unique in the cluster; the host's name unless set.").flag("node").go("NodeName"));
  add(to, row_maker("node_id", &c::node_id, "UUID of this node for its whole life; otherwise one is drawn and kept in the data directory.").flag("node-id").go("NodeID"));
  add(to, row_maker("node_meta", &c::node_meta, "Free key/value pairs of this node, key:value on the command line; may be repeated.").flag("node-meta").go("NodeMeta").reload());
  add(to, row_maker("disable_host_node_id", &c::disable_host_node_id, "Draw the node ID at random rather than derive it from the host; here it is always drawn.").flag("disable-host-node-id").go("DisableHostNodeID").inert());
  add(to, row_maker("data_dir", &c::data_dir, "Directory in which the node keeps its state.").flag("data-dir").go("DataDir"));
  add(to, row_maker("server", &c::server, "Be a server: take part in the cluster's consensus.").flag("server").go("ServerMode"));
  add(to, row_maker("bootstrap", &c::bootstrap, "Elect itself leader without waiting for others; at most one server of a cluster.").flag("bootstrap").go("Bootstrap"));
  add(to, row_maker("bootstrap_expect", &c::bootstrap_expect, "Number of servers to wait for before the cluster forms.").flag("bootstrap-expect").go("BootstrapExpect"));
  add(to, row_maker("pid_file", &c::pid_file, "File that holds the process id while the agent runs.").flag("pid-file").go("PidFile"));
  add(to, row_maker("leave_on_terminate", &c::leave_on_terminate, "Leave the cluster on SIGTERM; clients do, servers do not, unless set.").go("LeaveOnTerm"));
  add(to, row_maker("skip_leave_on_interrupt", &c::skip_leave_on_interrupt, "Stop without leaving on SIGINT; servers do, clients do not, unless set.").go("SkipLeaveOnInt"));
}

static void add_addresses(rows& to) {
  add(to, row_maker("bind_addr", &c::bind_addr, "Address for traffic inside the cluster.").flag("bind").go("BindAddr"));
  add(to, row_maker("client_addr", t::text, "Addresses, separated by spaces, on which HTTP and DNS clients are served.").flag("client"));
  add(to, row_maker("advertise_addr", &c::advertise_addr, "Address told to the other nodes; the bind address, or the only private IPv4 address, unless set.").flag("advertise").go("AdvertiseAddrLAN"));
  add(to, row_maker("advertise_addr_wan", &c::advertise_addr_wan, "Address told to other datacenters; the LAN one unless set.").flag("advertise-wan").go("AdvertiseAddrWAN"));
  add(to, row_maker("advertise_addr_ipv4", t::text, "IPv4 address for the tagged address lan_ipv4."));
  add(to, row_maker("advertise_addr_ipv6", t::text, "IPv6 address for the tagged address lan_ipv6."));
  add(to, row_maker("advertise_addr_wan_ipv4", t::text, "IPv4 address for the tagged address wan_ipv4."));
  add(to, row_maker("advertise_addr_wan_ipv6", t::text, "IPv6 address for the tagged address wan_ipv6."));
  add(to, row_maker("tagged_addresses", &c::tagged_addresses, "More addresses of this node by name; lan and wan are filled in.").go("TaggedAddresses"));
  add(to, row_maker("translate_wan_addrs", &c::translate_wan_addrs, "Answer with WAN addresses for nodes of other datacenters.").go("TranslateWANAddrs").inert());
  add(to, row_maker("addresses.dns", t::text, "Addresses of the DNS listener instead of client_addr."));
  add(to, row_maker("addresses.http", t::text, "Addresses of the HTTP listener instead of client_addr; unix://path for a socket."));
  add(to, row_maker("addresses.https", t::text, "Addresses of the HTTPS listener instead of client_addr; unix://path for a socket.").inert());
  add(to, row_maker("addresses.grpc", t::text, "Addresses of the gRPC listener instead of client_addr; unix://path for a socket.").inert());
  add(to, row_maker("unix_sockets.user", &c::unix_sockets_user, "Owner of the unix sockets, by name or number.").go("UnixSocketUser"));
  add(to, row_maker("unix_sockets.group", &c::unix_sockets_group, "Group of the unix sockets, by name or number.").go("UnixSocketGroup"));
  add(to, row_maker("unix_sockets.mode", &c::unix_sockets_mode, "Permissions of the unix sockets, octal.").go("UnixSocketMode"));
}

static void add_ports(rows& to) {
  add(to, row_maker("ports.dns", &c::port_dns, "DNS port (UDP and TCP); -1 turns it off.").flag("dns-port").go("DNSPort"));
  add(to, row_maker("ports.http", &c::port_http, "HTTP port; -1 turns it off.").flag("http-port").go("HTTPPort"));
  add(to, row_maker("ports.https", &c::port_https, "HTTPS port; -1 turns it off.").flag("https-port").go("HTTPSPort").inert());
  add(to, row_maker("ports.grpc", &c::port_grpc, "gRPC port; -1 turns it off.").flag("grpc-port").go("GRPCPort").inert());
  add(to, row_maker("ports.server", &c::port_server, "Port on which servers talk to servers and clients.").flag("server-port").go("ServerPort"));
  add(to, row_maker("ports.serf_lan", &c::port_serf_lan, "Gossip port inside the datacenter.").flag("serf-lan-port").go("SerfPortLAN"));
  add(to, row_maker("ports.serf_wan", &c::port_serf_wan, "Gossip port between datacenters; -1 turns it off.").flag("serf-wan-port").go("SerfPortWAN"));
  add(to, row_maker("ports.actor", &c::port_actor, "Port for typed actors of CAF applications (not a setting of Consul); -1 turns it off.").inert());
  add(to, row_maker("ports.sidecar_min_port", &c::sidecar_min_port, "First port handed to sidecar proxies.").go("ConnectSidecarMinPort"));
  add(to, row_maker("ports.sidecar_max_port", &c::sidecar_max_port, "Last port handed to sidecar proxies.").go("ConnectSidecarMaxPort"));
  add(to, row_maker("ports.expose_min_port", &c::expose_min_port, "First port for exposed check paths.").go("ExposeMinPort").inert());
  add(to, row_maker("ports.expose_max_port", &c::expose_max_port, "Last port for exposed check paths.").go("ExposeMaxPort").inert());
}

static void add_joining(rows& to) {
  add(to, row_maker("start_join", &c::start_join, "Address to join once at start; may be repeated.").flag("join").go("StartJoinAddrsLAN"));
  add(to, row_maker("start_join_wan", &c::start_join_wan, "Address to join over the WAN once at start; may be repeated.").flag("join-wan").go("StartJoinAddrsWAN"));
  add(to, row_maker("retry_join", &c::retry_join, "Address to join at start, tried until it works; may be repeated.").flag("retry-join").go("RetryJoinLAN"));
  add(to, row_maker("retry_join_wan", &c::retry_join_wan, "Address to join over the WAN at start, tried until it works; may be repeated.").flag("retry-join-wan").go("RetryJoinWAN"));
  add(to, row_maker("retry_interval", &c::retry_interval, "Longest time between two attempts to join; with retry_max the time between any two.").flag("retry-interval").go("RetryJoinIntervalLAN"));
  add(to, row_maker("retry_interval_wan", &c::retry_interval_wan, "Longest time between two attempts to join over the WAN; with retry_max_wan the time between any two.").flag("retry-interval-wan").go("RetryJoinIntervalWAN"));
  add(to, row_maker("retry_max", &c::retry_max, "Attempts to join before the agent gives up; 0 tries for ever.").flag("retry-max").go("RetryJoinMaxAttemptsLAN"));
  add(to, row_maker("retry_max_wan", &c::retry_max_wan, "Attempts to join over the WAN before the agent gives up; 0 tries for ever.").flag("retry-max-wan").go("RetryJoinMaxAttemptsWAN"));
  add(to, row_maker("rejoin_after_leave", &c::rejoin_after_leave, "Join the previous cluster again even after leaving it.").flag("rejoin").go("RejoinAfterLeave"));
  add(to, row_maker("reconnect_timeout", &c::reconnect_timeout, "How long a failed node is remembered.").go("ReconnectTimeoutLAN").zero());
  add(to, row_maker("reconnect_timeout_wan", &c::reconnect_timeout_wan, "How long a failed server of another datacenter is remembered.").go("ReconnectTimeoutWAN").zero());
  add(to, row_maker("primary_gateways", &c::primary_gateways, "Mesh gateway of the primary datacenter to federate through; may be repeated.").flag("primary-gateway").go("PrimaryGateways").inert());
  add(to, row_maker("primary_gateways_interval", &c::primary_gateways_interval, "Time between two attempts to reach a primary gateway.").go("PrimaryGatewaysInterval").inert());
}

static void add_logging(rows& to) {
  add(to, row_maker("log_level", &c::log_level, "Least severe level that is logged: TRACE, DEBUG, INFO, WARN or ERR.").flag("log-level").go("Logging.LogLevel").reload());
  add(to, row_maker("log_json", &c::log_json, "Log lines are JSON objects.").flag("log-json").go("Logging.LogJSON"));
  add(to, row_maker("log_file", &c::log_file, "File, or directory with a final slash, that gets the log as well.").flag("log-file").go("Logging.LogFilePath"));
  add(to, row_maker("log_rotate_bytes", &c::log_rotate_bytes, "Size in bytes at which the log file is changed; 0 for none.").flag("log-rotate-bytes").go("Logging.LogRotateBytes"));
  add(to, row_maker("log_rotate_duration", &c::log_rotate_duration, "Age at which the log file is changed; 0 means 24h.").flag("log-rotate-duration").go("Logging.LogRotateDuration"));
  add(to, row_maker("log_rotate_max_files", &c::log_rotate_max_files, "Old log files to keep; 0 keeps all, -1 none.").flag("log-rotate-max-files").go("Logging.LogRotateMaxFiles"));
  add(to, row_maker("enable_syslog", &c::enable_syslog, "Log to syslog as well.").flag("syslog").go("Logging.EnableSyslog"));
  add(to, row_maker("syslog_facility", &c::syslog_facility, "Facility used with syslog.").go("Logging.SyslogFacility"));
}

void add_node_fields(rows& to) {
  add_identity(to);
  add_addresses(to);
  add_ports(to);
  add_joining(to);
  add_logging(to);
}

} // namespace actord
