// /v1/catalog/: nodes, services and their instances, read.
#include "api/endpoints/catalog.hpp"
#include "api/http/ask.hpp"
#include "api/http/handlers/catalog_rows.hpp"
#include "api/http/routes.hpp"
#include <algorithm>

namespace actord::http {
namespace {

constexpr answer_style listed{.send_consistency = true, .honours_cached = false, .meta_on_error = true, .plain = false};
constexpr answer_style cached{.send_consistency = true, .honours_cached = true, .meta_on_error = true, .plain = false};

struct tidy_row {
  static constexpr bool changes = true;
  bool operator()(service_node& n) const {
    n.service_tags.set = true;
    return n.service_meta.set = true;
  }
};

struct services_object {
  void write(response& out, map_of<string_slice>& all) const {
    auto w = out.begin_json();
    w.begin_object();
    for (auto& [name, tags] : all) {
      std::sort(tags.begin(), tags.end()); // as another server may not have
      w.key(name);
      w.begin_array();
      for (auto& t : tags) w.string(t);
      w.end_array();
    }
    w.end_object();
  }
};

struct node_with_services {
  void write(response& out, boxed<rpc::services_of_node>& found) const {
    auto w = out.begin_json();
    if (!found) return w.null();
    w.begin_object();
    w.plain_key("Node"), json_encode(w, found->node);
    w.plain_key("Services");
    w.begin_object();
    for (auto& [id, s] : found->services) {
      tidy(s);
      w.key(id), json_encode(w, s);
    }
    w.end_object();
    w.end_object();
  }
};

struct node_with_list {
  void write(response& out, rpc::service_list_of_node& found) const {
    for (auto& s : found.services) tidy(s);
    out.json_of(found);
  }
};

struct null_list { // of what there is none
  class sink final : public endpoints::rows<std::string> {
  public:
    sink(const null_list&, response& out) : out_(out) {}
    bool add(const std::string&) override { return true; }
    void finish() { out_.begin_json().null(); }

  private:
    response& out_;
  };
};

} // namespace

void catalog_datacenters(exchange& x) {
  query_options o;
  if (x.options(o)) ask(x, dispatch::list_datacenters, arguments_of<rpc::options_request>(x, o), show_list<string_slice>);
}

void catalog_nodes(exchange& x) {
  query_options o;
  if (x.options(o, listed)) x.read(bind<endpoints::catalog::list_nodes>(listed, arguments_of<rpc::datacenter_request>(x, o), json_list<node_record>{}), o);
}

void catalog_services(exchange& x) {
  query_options o;
  if (x.options(o, cached)) x.read(bind<endpoints::catalog::list_services>(cached, arguments_of<rpc::datacenter_request>(x, o), services_object{}), o);
}

namespace {

void read_instances(exchange& x, bool connect) {
  query_options o;
  if (!x.options(o, cached) || !is_named(x, "Missing service name")) return;
  auto q = arguments_of<rpc::service_request>(x, o);
  q.service = x.req.tail;
  q.connect = connect;
  take_tags(x.req, q);
  x.read(bind<endpoints::catalog::service_nodes>(cached, std::move(q), json_list<service_node, tidy_row>{}), o);
}

template <const auto& Endpoint, class Shape> void read_node(exchange& x, Shape how) {
  query_options o;
  if (!x.options(o, listed) || !is_named(x, "Missing node name")) return;
  auto q = arguments_of<rpc::node_request>(x, o);
  q.node = x.req.tail;
  x.read(bind<Endpoint>(listed, std::move(q), how), o);
}

} // namespace

void catalog_service(exchange& x) { read_instances(x, false); }
void catalog_connect(exchange& x) { read_instances(x, true); }
void catalog_node(exchange& x) { read_node<endpoints::catalog::node_services>(x, node_with_services{}); }
void catalog_node_services(exchange& x) { read_node<endpoints::catalog::node_service_list>(x, node_with_list{}); }

void catalog_gateway_services(exchange& x) {
  query_options o;
  if (!x.options(o, listed) || !is_named(x, "Missing gateway name")) return;
  auto q = arguments_of<rpc::service_request>(x, o);
  q.service = x.req.tail;
  x.read(bind<endpoints::catalog::gateway_services>(listed, std::move(q), null_list{}), o);
}

} // namespace actord::http
