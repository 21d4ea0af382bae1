// /v1/catalog/register and deregister: what Consul checks before it proposes; the rest is the state's.
#include "api/http/handlers/refusal.hpp"
#include "api/http/routes.hpp"
#include "storage/command/registration_rules.hpp"

namespace actord::http {
namespace {

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

// Any server knows the datacenters, the rest is the leader's.
std::string refused(const exchange& x, std::string_view datacenter, std::string_view fault) {
  return datacenter == x.env.config.datacenter ? as_leader(x.env, fault) : as_server(x.env, fault);
}

} // namespace

void catalog_register(exchange& x) {
  register_request r;
  if (!decode(x, r)) return;
  if (r.datacenter.empty()) r.datacenter = x.req.param("dc");
  if (auto fault = prepare_registration(r, x.env.config.datacenter); !fault.empty()) return x.out.text(500, refused(x, r.datacenter, fault));
  x.propose(encode_command(command_kind::catalog_register, r), say_true);
}

void catalog_deregister(exchange& x) {
  deregister_body body;
  if (!decode(x, body)) return;
  deregister_request& r = body;
  if (r.datacenter.empty()) r.datacenter = x.req.param("dc");
  if (auto fault = prepare_deregistration(r, x.env.config.datacenter); !fault.empty()) return x.out.text(500, refused(x, r.datacenter, fault));
  x.propose(encode_command(command_kind::catalog_deregister, r), say_true);
}

} // namespace actord::http
