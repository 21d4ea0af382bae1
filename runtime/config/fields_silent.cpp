// Keys that are accepted so that existing files load, and that do nothing: each warns.
#include "runtime/config/field_table.hpp"

namespace actord {

using c = node_config;
using t = field_type;

static void add_enterprise(rows& to) {
  constexpr std::string_view help = "Consul Enterprise only; of no effect.";
  add(to, row_maker("non_voting_server", &c::non_voting_server, "Take the log but do not vote (Consul Enterprise only; of no effect).").flag("non-voting-server").go("NonVotingServer").enterprise());
  add(to, row_maker("segment", &c::segment, "Network segment to join (Consul Enterprise only; an agent does not start with one).").flag("segment").go("SegmentName").enterprise());
  add(to, row_maker("segments", t::any_list, "Network segments (Consul Enterprise only; an agent does not start with them).").go("Segments").enterprise());
  add(to, row_maker("audit", t::any_map, help).enterprise());
  add(to, row_maker("snapshot_agent", t::any_map, help).inert());
  add(to, row_maker("acl.tokens.managed_service_provider", t::any_list, help).enterprise());
  add(to, row_maker("acl.msp_disable_bootstrap", t::boolean, help).enterprise());
  add(to, row_maker("autopilot.redundancy_zone_tag", &c::autopilot_redundancy_zone_tag, help).go("AutopilotRedundancyZoneTag").enterprise());
  add(to, row_maker("autopilot.disable_upgrade_migration", &c::autopilot_disable_upgrade_migration, help).go("AutopilotDisableUpgradeMigration").enterprise());
  add(to, row_maker("autopilot.upgrade_version_tag", &c::autopilot_upgrade_version_tag, help).go("AutopilotUpgradeVersionTag").enterprise());
  add(to, row_maker("dns_config.prefer_namespace", t::boolean, help).enterprise());
  add(to, row_maker("license_path", t::text, help).enterprise());
  add(to, row_maker("partition", t::text, help).enterprise());
}

static void add_internal(rows& to) {
  constexpr std::string_view help = "Not for users.";
  for (auto key : {"revision", "version", "version_prerelease"}) add(to, row_maker(key, t::text, help).internal());
  add(to, row_maker("acl_disabled_ttl", t::duration, help).internal());
  for (auto key : {"segment_limit", "segment_name_limit"}) add(to, row_maker(key, t::integer, help).internal());
  add(to, row_maker("consul", t::any_map, help).internal());
}

static void add_circonus(rows& to) {
  constexpr std::string_view help = "Accepted for compatibility.";
  add(to, row_maker("telemetry.circonus_api_app", t::text, help).go("Telemetry.CirconusAPIApp").inert());
  add(to, row_maker("telemetry.circonus_api_token", t::text, help).go("Telemetry.CirconusAPIToken").hide().inert());
  add(to, row_maker("telemetry.circonus_api_url", t::text, help).go("Telemetry.CirconusAPIURL").inert());
  add(to, row_maker("telemetry.circonus_broker_id", t::text, help).go("Telemetry.CirconusBrokerID").inert());
  add(to, row_maker("telemetry.circonus_broker_select_tag", t::text, help).go("Telemetry.CirconusBrokerSelectTag").inert());
  add(to, row_maker("telemetry.circonus_check_display_name", t::text, help).go("Telemetry.CirconusCheckDisplayName").inert());
  add(to, row_maker("telemetry.circonus_check_force_metric_activation", t::text, help).go("Telemetry.CirconusCheckForceMetricActivation").inert());
  add(to, row_maker("telemetry.circonus_check_id", t::text, help).go("Telemetry.CirconusCheckID").inert());
  add(to, row_maker("telemetry.circonus_check_instance_id", t::text, help).go("Telemetry.CirconusCheckInstanceID").inert());
  add(to, row_maker("telemetry.circonus_check_search_tag", t::text, help).go("Telemetry.CirconusCheckSearchTag").inert());
  add(to, row_maker("telemetry.circonus_check_tags", t::text, help).go("Telemetry.CirconusCheckTags").inert());
  add(to, row_maker("telemetry.circonus_submission_interval", t::text, help).go("Telemetry.CirconusSubmissionInterval").inert());
  add(to, row_maker("telemetry.circonus_submission_url", t::text, help).go("Telemetry.CirconusSubmissionURL").inert());
}

// Of Consul 1.8 or later.
static void add_unbuilt(rows& to) {
  constexpr std::string_view help = "Accepted for compatibility.";
  for (auto key : {"auto_config", "ui_config", "rpc", "raft_boltdb", "raft_logstore", "tls", "peering", "reporting", "locality", "xds", "cloud",
                   "limits.request_limits"})
    add(to, row_maker(key, t::any_map, help).inert());
  for (auto key : {"use_streaming_backend", "auto_reload_config", "enable_serverless_plugin", "disable_kv_key_validation",
                   "telemetry.disable_compat_1.9"})
    add(to, row_maker(key, t::boolean, help).inert());
  for (auto key : {"rpc_client_timeout", "performance.grpc_keepalive_interval", "performance.grpc_keepalive_timeout"})
    add(to, row_maker(key, t::duration, help).inert());
  for (auto key : {"acl.tokens.dns", "acl.tokens.config_file_service_registration"})
    add(to, row_maker(key, t::text, help).hide().inert());
  for (auto key : {"http_config.max_header_bytes", "ports.grpc_tls", "ports.proxy_min_port", "ports.proxy_max_port"})
    add(to, row_maker(key, t::integer, help).inert());
  add(to, row_maker("experiments", t::text_list, help).inert());
  add(to, row_maker("acl_enforce_version_8", t::boolean, help).inert());
}

void add_silent_fields(rows& to) {
  add_enterprise(to);
  add_internal(to);
  add_circonus(to);
  add_unbuilt(to);
}

} // namespace actord
