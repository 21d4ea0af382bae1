// /v1/catalog/register and deregister: what Consul checks before it proposes; the rest is the state's.
#include "api/http/routes.hpp"
#include "storage/command/commands.hpp"
#include <cctype>

namespace actord::http {
namespace {

bool is_any_address(std::string_view a) { return a == "0.0.0.0" || a == "::" || a == "[::]"; }

// Texts of the UUID parser that Consul uses; "" when it is one.
std::string uuid_fault(std::string_view id) {
  if (id.size() != 36) return "uuid string is wrong length";
  for (size_t i = 0; i < id.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (id[i] == '-')) return "uuid is improperly formatted";
    if (!dash && !std::isxdigit(static_cast<unsigned char>(id[i])))
      return std::string("encoding/hex: invalid byte: U+00") + "0123456789ABCDEF"[static_cast<unsigned char>(id[i]) >> 4] +
             "0123456789ABCDEF"[static_cast<unsigned char>(id[i]) & 15] + " '" + id[i] + "'";
  }
  return {};
}

// Which kind of check a definition describes; "" when it is none.
std::string_view type_of(const check_definition_record& d) {
  const bool runs = d.interval.count() > 0;
  if (!d.grpc.empty() && runs) return "grpc";
  if (!d.http.empty() && runs) return "http";
  if (d.ttl.count() > 0) return "ttl";
  if (!d.tcp.empty() && runs) return "tcp";
  if (!d.alias_node.empty() || !d.alias_service.empty()) return "alias";
  if (!d.docker_container_id.empty() && !d.script_args.empty() && runs) return "docker";
  if (!d.script_args.empty() && runs) return "script";
  return {};
}

std::string fault_of(register_request& r, const node_config& config) {
  if (r.datacenter.empty()) r.datacenter = config.datacenter;
  if (r.datacenter != config.datacenter) return "No path to datacenter";
  if (r.node.empty()) return "Must provide node";
  if (r.address.empty() && !r.skip_node_update) return "Must provide address if SkipNodeUpdate is not set";
  if (!r.id.empty())
    if (auto fault = uuid_fault(r.id); !fault.empty()) return "Bad node ID: " + fault;
  if (r.service) {
    if (r.service->id.empty()) r.service->id = r.service->service;
    if (!r.service->id.empty() && r.service->service.empty()) return "Must provide service name with ID";
    if (is_any_address(r.service->address)) return "Invalid service address";
    if (!r.service->weights) r.service->weights.emplace();
  }
  if (r.check) {
    r.checks.push_back(*r.check);
    r.check.reset();
  }
  for (auto& c : r.checks) {
    if (c.check_id.empty()) c.check_id = c.name;
    if (c.node.empty()) c.node = r.node;
    if (c.status.empty()) c.status = health_critical;
    if (c.type.empty()) c.type = type_of(c.definition);
  }
  return {};
}

// Address is no longer looked at but may still be sent.
struct deregister_body : deregister_request {
  std::string address;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    deregister_request::fields(v, s);
    v("Address", s.address);
  }
};

template <class Body> bool decode(exchange& x, Body& body) {
  auto decoded = from_json(x.req.body, body);
  if (!decoded) {
    std::string text = "Request decode failed: " + decoded.err().text;
    if (text.ends_with("unknown field \"Namespace\"")) text += " - Namespaces are a Consul Enterprise feature";
    x.out.text(400, text);
  }
  return decoded.ok();
}

void say_true(const apply_result&, response& out) { out.json("true"); }

} // namespace

void catalog_register(exchange& x) {
  register_request r;
  if (!decode(x, r)) return;
  if (r.datacenter.empty()) r.datacenter = x.req.param("dc");
  if (auto fault = fault_of(r, x.env.config); !fault.empty()) return x.out.text(500, fault);
  x.propose(encode_command(command_kind::catalog_register, r), say_true);
}

void catalog_deregister(exchange& x) {
  deregister_body body;
  if (!decode(x, body)) return;
  deregister_request& r = body;
  if (r.datacenter.empty()) r.datacenter = x.req.param("dc");
  if (r.datacenter.empty()) r.datacenter = x.env.config.datacenter;
  if (r.datacenter != x.env.config.datacenter) return x.out.text(500, "No path to datacenter");
  if (r.node.empty()) return x.out.text(500, "Must provide node");
  x.propose(encode_command(command_kind::catalog_deregister, r), say_true);
}

} // namespace actord::http
