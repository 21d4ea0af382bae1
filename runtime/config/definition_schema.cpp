#include "runtime/config/definition_schema.hpp"
#include "runtime/base/json_writer.hpp"

namespace actord {
namespace {

using t = field_type;

constexpr schema_field check_fields[] = {
    {"id", t::text, nullptr, {}, "CheckID"},
    {"name", t::text},
    {"notes", t::text},
    {"service_id", t::text, nullptr, "serviceid", "ServiceID"},
    {"token", t::text},
    {"status", t::text},
    {"args", t::text_list, nullptr, "scriptargs", "Args"},
    {"http", t::text, nullptr, {}, "HTTP"},
    {"header", t::list_map},
    {"method", t::text},
    {"body", t::text},
    {"output_max_size", t::integer},
    {"tcp", t::text, nullptr, {}, "TCP"},
    {"interval", t::duration},
    {"docker_container_id", t::text, nullptr, "dockercontainerid", "DockerContainerID"},
    {"shell", t::text},
    {"grpc", t::text, nullptr, {}, "GRPC"},
    {"grpc_use_tls", t::boolean, nullptr, {}, "GRPCUseTLS"},
    {"tls_skip_verify", t::boolean, nullptr, "tlsskipverify", "TLSSkipVerify"},
    {"alias_node", t::text},
    {"alias_service", t::text},
    {"timeout", t::duration},
    {"ttl", t::duration, nullptr, {}, "TTL"},
    {"success_before_passing", t::integer},
    {"failures_before_critical", t::integer},
    {"deregister_critical_service_after", t::duration, nullptr, "deregistercriticalserviceafter",
     "DeregisterCriticalServiceAfter"},
    {"namespace", t::text},
};
constexpr schema check_definition{check_fields};

constexpr schema_field address_fields[] = {{"address", t::text}, {"port", t::integer}};
constexpr schema address_definition{address_fields};

constexpr schema_field weights_fields[] = {{"passing", t::integer}, {"warning", t::integer}};
constexpr schema weights_definition{weights_fields};

constexpr schema_field mesh_gateway_fields[] = {{"mode", t::text}};
constexpr schema mesh_gateway_definition{mesh_gateway_fields};

constexpr schema_field upstream_fields[] = {
    {"destination_type", t::text}, {"destination_namespace", t::text}, {"destination_name", t::text},
    {"datacenter", t::text},       {"local_bind_address", t::text},    {"local_bind_port", t::integer},
    {"config", t::any_map},        {"mesh_gateway", t::block, &mesh_gateway_definition},
};
constexpr schema upstream_definition{upstream_fields};

constexpr schema_field expose_path_fields[] = {
    {"path", t::text}, {"listener_port", t::integer}, {"local_path_port", t::integer}, {"protocol", t::text}};
constexpr schema expose_path_definition{expose_path_fields};

constexpr schema_field expose_fields[] = {{"checks", t::boolean}, {"paths", t::block_list, &expose_path_definition}};
constexpr schema expose_definition{expose_fields};

constexpr schema_field proxy_fields[] = {
    {"destination_service_name", t::text},
    {"destination_service_id", t::text, nullptr, {}, "DestinationServiceID"},
    {"local_service_address", t::text},
    {"local_service_port", t::integer},
    {"config", t::any_map},
    {"upstreams", t::block_list, &upstream_definition},
    {"mesh_gateway", t::block, &mesh_gateway_definition},
    {"expose", t::block, &expose_definition},
};
constexpr schema proxy_definition{proxy_fields};

extern const schema service_definition;

constexpr schema_field connect_fields[] = {{"native", t::boolean}, {"sidecar_service", t::block, &service_definition}};
constexpr schema connect_definition{connect_fields};

constexpr schema_field service_fields[] = {
    {"kind", t::text},
    {"id", t::text, nullptr, {}, "ID"},
    {"name", t::text},
    {"tags", t::text_list},
    {"address", t::text},
    {"tagged_addresses", t::block_map, &address_definition},
    {"meta", t::text_map},
    {"port", t::integer},
    {"check", t::block, &check_definition},
    {"checks", t::block_list, &check_definition},
    {"token", t::text},
    {"weights", t::block, &weights_definition},
    {"enable_tag_override", t::boolean},
    {"proxy", t::block, &proxy_definition},
    {"connect", t::block, &connect_definition},
    {"namespace", t::text},
};
const schema service_definition{service_fields};

std::string camel_case(std::string_view name) {
  std::string out;
  bool up = true;
  for (char c : name) {
    if (c == '_') {
      up = true;
      continue;
    }
    out += up && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    up = false;
  }
  return out;
}

void write_api(json_writer& w, const config_value& v, const schema& s) {
  w.begin_object();
  for (auto& [key, value] : v.object) {
    const auto* f = s.find(key);
    if (!f) continue;
    w.key(f->api.empty() ? camel_case(f->name) : std::string(f->api));
    if (f->type == field_type::block) {
      write_api(w, value, *f->of);
    } else if (f->type == field_type::block_list) {
      w.begin_array();
      for (auto& item : value.list) write_api(w, item, *f->of);
      w.end_array();
    } else if (f->type == field_type::block_map) {
      w.begin_object();
      for (auto& [name, item] : value.object) {
        w.key(name);
        write_api(w, item, *f->of);
      }
      w.end_object();
    } else {
      w.raw(to_json(value));
    }
  }
  w.end_object();
}

std::string api_json(const config_value& v, const schema& s) {
  std::string out;
  json_writer w(out);
  write_api(w, v, s);
  return out;
}

} // namespace

const schema& service_schema() { return service_definition; }
const schema& check_schema() { return check_definition; }
std::string service_to_api_json(const config_value& service) { return api_json(service, service_definition); }
std::string check_to_api_json(const config_value& check) { return api_json(check, check_definition); }

} // namespace actord
