#include "runtime/config/field_table.hpp"

namespace actord {

using c = node_config;
using t = field_type;

static void add_dns(rows& to) {
  add(to, row_maker("domain", &c::domain, "Domain of the DNS interface.").flag("domain").go("DNSDomain"));
  add(to, row_maker("alt_domain", &c::alt_domain, "A second domain of the DNS interface.").flag("alt-domain").go("DNSAltDomain"));
  add(to, row_maker("recursors", &c::recursors, "DNS server that is asked for other domains; may be repeated.").flag("recursor").go("DNSRecursors").reload());
  add(to, row_maker("dns_config.allow_stale", &c::dns_allow_stale, "Answer without a leader as well; client agents ask any server, not only the leader.").go("DNSAllowStale").reload());
  add(to, row_maker("dns_config.max_stale", &c::dns_max_stale, "Age beyond which a client agent asks the leader for an answer.").go("DNSMaxStale").reload());
  add(to, row_maker("dns_config.node_ttl", &c::dns_node_ttl, "TTL of node answers.").go("DNSNodeTTL").reload());
  add(to, row_maker("dns_config.service_ttl", &c::dns_service_ttl, "TTL of service answers by service name; a name may end in * as a prefix.").go("DNSServiceTTL").reload());
  add(to, row_maker("dns_config.only_passing", &c::dns_only_passing, "Leave out instances with warnings.").go("DNSOnlyPassing").reload());
  add(to, row_maker("dns_config.udp_answer_limit", &c::dns_udp_answer_limit, "Most instances in a UDP answer to who asks without EDNS; more than 8 are 8.").go("DNSUDPAnswerLimit").at_least(0).reload());
  add(to, row_maker("dns_config.a_record_limit", &c::dns_a_record_limit, "Most A or AAAA records of an answer; 0 for no limit.").go("DNSARecordLimit").at_least(0).reload());
  add(to, row_maker("dns_config.enable_truncate", &c::dns_enable_truncate, "Set TC on answers that were cut.").go("DNSEnableTruncate").reload());
  add(to, row_maker("dns_config.disable_compression", &c::dns_disable_compression, "Do not compress names.").go("DNSDisableCompression").reload());
  add(to, row_maker("dns_config.recursor_timeout", &c::dns_recursor_timeout, "Time a recursor has to answer.").go("DNSRecursorTimeout").reload());
  add(to, row_maker("dns_config.enable_additional_node_meta_txt", &c::dns_enable_additional_node_meta_txt, "Add TXT records of node metadata.").go("DNSNodeMetaTXT").reload());
  add(to, row_maker("dns_config.soa.refresh", &c::dns_soa_refresh, "SOA refresh, seconds.").go("DNSSOA.Refresh").reload());
  add(to, row_maker("dns_config.soa.retry", &c::dns_soa_retry, "SOA retry, seconds.").go("DNSSOA.Retry").reload());
  add(to, row_maker("dns_config.soa.expire", &c::dns_soa_expire, "SOA expire, seconds.").go("DNSSOA.Expire").reload());
  add(to, row_maker("dns_config.soa.min_ttl", &c::dns_soa_min_ttl, "SOA minimum TTL, seconds.").go("DNSSOA.Minttl").reload());
  add(to, row_maker("dns_config.use_cache", &c::dns_use_cache, "Answer from the agent's cache.").go("DNSUseCache").reload().inert());
  add(to, row_maker("dns_config.cache_max_age", &c::dns_cache_max_age, "Age beyond which the cache is not used.").go("DNSCacheMaxAge").reload().inert());
}

static void add_http(rows& to) {
  add(to, row_maker("http_config.block_endpoints", &c::http_block_endpoints, "Path prefixes that are refused.").go("HTTPBlockEndpoints"));
  add(to, row_maker("http_config.response_headers", &c::http_response_headers, "Headers that every answer of the API carries.").go("HTTPResponseHeaders"));
  add(to, row_maker("http_config.allow_write_http_from", &c::http_allow_write_http_from, "Network (192.168.1.0/24) from which writes are taken; may be repeated.").flag("allow-write-http-from").go("AllowWriteHTTPFrom"));
  add(to, row_maker("http_config.use_cache", &c::http_use_cache, "Requests may ask for cached answers.").go("HTTPUseCache").inert());
  add(to, row_maker("default_query_time", &c::default_query_time, "How long a blocking query waits that does not say.").flag("default-query-time").go("DefaultQueryTime"));
  add(to, row_maker("max_query_time", &c::max_query_time, "How long a blocking query may wait at most.").flag("max-query-time").go("MaxQueryTime"));
  add(to, row_maker("discovery_max_stale", &c::discovery_max_stale, "Age up to which any server may answer catalog and health reads; 0 for never.").go("DiscoveryMaxStale"));
  add(to, row_maker("session_ttl_min", &c::session_ttl_min, "Least TTL of a session.").go("SessionTTLMin").zero());
  add(to, row_maker("disable_http_unprintable_char_filter", &c::disable_http_unprintable_char_filter, "Accept unprintable characters in paths.").go("DisableHTTPUnprintableCharFilter"));
  add(to, row_maker("enable_debug", &c::enable_debug, "Serve profiles of the process.").go("EnableDebug").inert());
  add(to, row_maker("ui", &c::ui, "Serve the built-in web page.").flag("ui").go("EnableUI").inert());
  add(to, row_maker("ui_dir", &c::ui_dir, "Directory of a web page to serve instead of the built-in one.").flag("ui-dir").go("UIDir").inert());
  add(to, row_maker("ui_content_path", &c::ui_content_path, "Path under which the web page is served.").flag("ui-content-path").go("UIContentPath").inert());
}

static void add_limits(rows& to) {
  add(to, row_maker("limits.http_max_conns_per_client", &c::http_max_conns_per_client, "Most HTTP connections of one address.").go("HTTPMaxConnsPerClient"));
  add(to, row_maker("limits.https_handshake_timeout", &c::https_handshake_timeout, "Time an HTTPS client has for the handshake.").go("HTTPSHandshakeTimeout").inert());
  add(to, row_maker("limits.rpc_handshake_timeout", &c::rpc_handshake_timeout, "Time that whoever connects to the server port has for its first byte.").go("RPCHandshakeTimeout"));
  add(to, row_maker("limits.rpc_rate", &c::rpc_rate, "Requests per second from a client agent to the servers; below 0 for no limit.").go("RPCRateLimit"));
  add(to, row_maker("limits.rpc_max_burst", &c::rpc_max_burst, "Requests that may exceed that rate at once.").go("RPCMaxBurst"));
  add(to, row_maker("limits.rpc_max_conns_per_client", &c::rpc_max_conns_per_client, "Most connections of one address to the server port.").go("RPCMaxConnsPerClient"));
  add(to, row_maker("limits.rpc_max_held_bytes", &c::rpc_max_held_bytes, "Bytes of requests and answers that all clients of the server port together may make this server hold, at least 33554432; 0 for an eighth of the memory, between 64 and 512 MiB. Not in Consul."));
  add(to, row_maker("limits.kv_max_value_size", &c::kv_max_value_size, "Largest value of a key, bytes.").go("KVMaxValueSize"));
  add(to, row_maker("limits.txn_max_req_len", &c::txn_max_req_len, "Largest body of a transaction, bytes; not less than limits.kv_max_value_size.").go("TxnMaxReqLen"));
  add(to, row_maker("cache.entry_fetch_rate", &c::cache_entry_fetch_rate, "Refreshes per second of a cache entry.").go("Cache.EntryFetchRate").reload().inert());
  add(to, row_maker("cache.entry_fetch_max_burst", &c::cache_entry_fetch_max_burst, "Refreshes that may exceed that rate at once.").go("Cache.EntryFetchMaxBurst").reload().inert());
}

static void add_checks(rows& to) {
  add(to, row_maker("watches", &c::watches, "Views to watch, each with a handler that is run at every change.").go("Watches").reload());
  add(to, row_maker("enable_script_checks", &c::enable_script_checks, "Run scripts as checks, whoever registered them.").flag("enable-script-checks").go("EnableRemoteScriptChecks"));
  add(to, row_maker("enable_local_script_checks", &c::enable_local_script_checks, "Run scripts as checks when they stand in configuration files.").flag("enable-local-script-checks").go("EnableLocalScriptChecks"));
  add(to, row_maker("check_update_interval", &c::check_update_interval, "How long a change of a check's output alone is held back.").go("CheckUpdateInterval"));
  add(to, row_maker("check_output_max_size", &c::check_output_max_size, "Most bytes kept of a check's output.").flag("check_output_max_size").go("CheckOutputMaxSize"));
  add(to, row_maker("discard_check_output", &c::discard_check_output, "Do not keep the output of checks.").go("DiscardCheckOutput").reload());
  add(to, row_maker("check_deregister_interval_min", &c::check_deregister_interval_min, "Least time before a critical service is deregistered.").go("CheckDeregisterIntervalMin").internal());
  add(to, row_maker("check_reap_interval", &c::check_reap_interval, "How often critical services are looked for.").go("CheckReapInterval").internal());
  add(to, row_maker("ae_interval", &c::ae_interval, "Time between two full comparisons of agent and catalog.").go("AEInterval").internal());
  add(to, row_maker("disable_remote_exec", &c::disable_remote_exec, "Do not run what the command exec sends.").go("DisableRemoteExec"));
}

static void add_telemetry(rows& to) {
  add(to, row_maker("telemetry.metrics_prefix", &c::telemetry_metrics_prefix, "First part of every metric's name.").go("Telemetry.MetricsPrefix"));
  add(to, row_maker("telemetry.disable_hostname", &c::telemetry_disable_hostname, "Leave the host's name out of gauges.").go("Telemetry.DisableHostname"));
  add(to, row_maker("telemetry.filter_default", &c::telemetry_filter_default, "Whether metrics that no filter names are kept.").go("Telemetry.FilterDefault").reload());
  add(to, row_maker("telemetry.prefix_filter", &c::telemetry_prefix_filter, "+prefix keeps, -prefix drops metrics.").reload());
  add(to, row_maker("telemetry.prometheus_retention_time", &c::telemetry_prometheus_retention_time, "Above 0 metrics are shown in Prometheus's format, however old; 0 turns that off.").go("Telemetry.PrometheusRetentionTime"));
  add(to, row_maker("telemetry.statsd_address", &c::telemetry_statsd_address, "Where statsd listens.").go("Telemetry.StatsdAddr"));
  add(to, row_maker("telemetry.statsite_address", &c::telemetry_statsite_address, "Where statsite listens.").go("Telemetry.StatsiteAddr").inert());
  add(to, row_maker("telemetry.dogstatsd_addr", &c::telemetry_dogstatsd_addr, "Where DogStatsD listens.").go("Telemetry.DogstatsdAddr").inert());
  add(to, row_maker("telemetry.dogstatsd_tags", &c::telemetry_dogstatsd_tags, "Tags sent to DogStatsD.").go("Telemetry.DogstatsdTags").inert());
  // Nothing here ever calls home, so these two are as good as true.
  add(to, row_maker("disable_update_check", &c::disable_update_check, "Do not ask for new versions; this agent never does.").go("DisableUpdateCheck"));
  add(to, row_maker("disable_anonymous_signature", &c::disable_anonymous_signature, "Do not identify in update checks; this agent makes none.").go("DisableAnonymousSignature"));
}

void add_client_fields(rows& to) {
  add_dns(to);
  add_http(to);
  add_limits(to);
  add_checks(to);
  add_telemetry(to);
}

} // namespace actord
