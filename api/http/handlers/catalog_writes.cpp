// /v1/catalog/register and deregister: what Consul checks before it proposes; the rest is the state's.
#include "api/http/body_work.hpp"
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

struct change {
  status decoded;
  std::string datacenter, fault, command;
};

// The body as a command, or what is wrong with it.
template <class Body, class Record> auto command_of(const exchange& x, std::string (*prepare)(Record&, std::string_view), command_kind kind) {
  return [prepare, kind, meant = std::string(x.req.param("dc")), &here = x.env.config.datacenter](std::string_view text) {
    Body body;
    change c;
    c.decoded = decode_body(text, body);
    if (!c.decoded) return c;
    Record& r = body;
    if (r.datacenter.empty()) r.datacenter = meant;
    c.fault = prepare(r, here);
    c.datacenter = r.datacenter;
    if (c.fault.empty()) c.command = encode_command(kind, r);
    return c;
  };
}

void say_true(const apply_result&, response& out) { out.json("true"); }

// Any server knows the datacenters, the rest is the leader's.
std::string refused(const exchange& x, std::string_view datacenter, std::string_view fault) {
  return datacenter == x.env.config.datacenter ? as_leader(x.env, fault) : as_server(x.env, fault);
}

void propose_change(exchange& x, change& c) {
  if (!c.decoded) {
    std::string text = "Request decode failed: " + c.decoded.err().text;
    if (text.ends_with("unknown field \"Namespace\"")) text += " - Namespaces are a Consul Enterprise feature";
    return x.out.text(400, text);
  }
  if (!c.fault.empty()) return x.out.text(500, refused(x, c.datacenter, c.fault));
  x.propose(std::move(c.command), say_true);
}

} // namespace

void catalog_register(exchange& x) {
  with_body(x, command_of<register_request, register_request>(x, prepare_registration, command_kind::catalog_register), propose_change);
}

void catalog_deregister(exchange& x) {
  with_body(x, command_of<deregister_body, deregister_request>(x, prepare_deregistration, command_kind::catalog_deregister), propose_change);
}

} // namespace actord::http
