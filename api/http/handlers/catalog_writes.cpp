// /v1/catalog/register and deregister.
#include "api/endpoints/catalog.hpp"
#include "api/http/body_work.hpp"
#include "api/http/routes.hpp"
#include "api/http/write.hpp"

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

template <const auto& Endpoint> struct taken {
  status decoded;
  checked_change<Endpoint> change;
};

template <const auto& Endpoint, class Body> void take(exchange& x) {
  auto read = [&env = x.env, meant = std::string(x.req.param("dc")), token = std::string(parse_token(x.req))](std::string_view text) {
    Body body;
    taken<Endpoint> t;
    t.decoded = decode_body(text, body);
    if (!t.decoded) return t;
    arguments_for<Endpoint>& r = body;
    if (r.datacenter.empty()) r.datacenter = meant;
    if (!env.views.has_store()) r.token = token;
    t.change = check<Endpoint>(env, std::move(r));
    return t;
  };
  with_body(x, std::move(read), [](exchange& y, taken<Endpoint>& t) {
    if (t.decoded) return propose<Endpoint, show_true<rpc::nothing>>(y, t.change);
    std::string text = "Request decode failed: " + t.decoded.err().text;
    if (text.ends_with("unknown field \"Namespace\"")) text += " - Namespaces are a Consul Enterprise feature";
    y.out.text(400, text);
  });
}

} // namespace

void catalog_register(exchange& x) { take<endpoints::catalog::register_node, register_request>(x); }
void catalog_deregister(exchange& x) { take<endpoints::catalog::deregister, deregister_body>(x); }

} // namespace actord::http
