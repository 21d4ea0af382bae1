#include "api/dns/asked_directory.hpp"
#include "api/dispatch/forward.hpp"
#include "api/dns/catalog_directory.hpp"
#include "api/endpoints/catalog.hpp"
#include "api/endpoints/health.hpp"
#include "api/endpoints/query.hpp"
#include <algorithm>

namespace actord::dns {

namespace {
constexpr size_t most_calls = 32; // of one question; what needs more fails

// The records of an endpoint's answer, as far as the servers were asked.
template <class Row> struct listed final : endpoints::rows<Row> {
  std::vector<Row> all;
  bool add(const Row& r) override { return all.push_back(r), true; }
  bool take(Row&& r) override { return all.push_back(std::move(r)), true; }
};

template <class Endpoint, class To> void ask(asked_calls& calls, const Endpoint& e, typename Endpoint::arguments q, To& to) {
  q.datacenter = calls.datacenter();
  q.options.allow_stale = calls.stale();
  rpc::reply_meta ignored;
  if (auto* body = calls.ask(e.name, to_msgpack(q)))
    if (!body->empty() && !dispatch::take_reply(e, *body, to, ignored)) calls.fail();
}

template <class Endpoint> auto rows_of(asked_calls& calls, const Endpoint& e, typename Endpoint::arguments q) {
  listed<typename Endpoint::kind::row> out;
  ask(calls, e, std::move(q), static_cast<endpoints::rows<typename Endpoint::kind::row>&>(out));
  return std::move(out.all);
}
} // namespace

const std::string* asked_calls::ask(std::string_view method, std::string arguments) {
  const auto it = std::find_if(calls_.begin(), calls_.end(), [&](auto& c) { return c.what.method == method && c.what.arguments == arguments; });
  if (it != calls_.end()) return it->has_answer ? &it->body : nullptr;
  if (calls_.size() >= most_calls) return fail(), nullptr;
  calls_.push_back({{method, std::move(arguments)}, false, false, {}});
  return nullptr;
}

std::vector<std::pair<size_t, asked_calls::call>> asked_calls::take_needed() {
  std::vector<std::pair<size_t, call>> out;
  for (size_t i = 0; i < calls_.size(); ++i)
    if (!std::exchange(calls_[i].sent, true)) out.emplace_back(i, calls_[i].what);
  return out;
}

void asked_calls::answered(size_t number, std::string body) {
  if (number >= calls_.size()) return;
  rpc::reply_meta told;
  if (number == 0 && dispatch::read_meta(body, told)) first_ = std::move(told);
  calls_[number].body = std::move(body);
  calls_[number].has_answer = true;
}

bool asked_calls::complete() const {
  return std::all_of(calls_.begin(), calls_.end(), [](auto& c) { return c.has_answer; });
}

void asked_calls::ask_leader() {
  stale_ = failed_ = false;
  calls_.clear();
  first_.reset();
}

endpoint_list asked_directory::instances(std::string_view service, bool connect) {
  rpc::service_request q;
  q.service = service;
  q.connect = connect;
  auto list = std::make_shared<std::vector<endpoint>>();
  for (auto& n : rows_of(*calls_, endpoints::health::service_nodes, std::move(q)))
    if (endpoint e; endpoint_of(n, e)) list->push_back(std::move(e));
  return list;
}

directory::found_query asked_directory::prepared_query(std::string_view name, const query_source& by) {
  rpc::query_execute_reply found;
  ask(*calls_, endpoints::query::execute, question_of(name, by), found);
  return found.datacenter.empty() ? found_query{} : found_by_query(found);
}

std::shared_ptr<const node_facts> asked_directory::node(std::string_view name) {
  rpc::node_request q;
  q.node = name;
  rpc::service_list_of_node found;
  ask(*calls_, endpoints::catalog::node_service_list, std::move(q), found);
  return found.node ? std::make_shared<const node_facts>(facts_of(*found.node)) : nullptr;
}

std::string asked_directory::node_of_address(std::string_view address) {
  rpc::datacenter_request q;
  q.options.filter = "Address == \"" + std::string(address) + "\"";
  for (auto& n : rows_of(*calls_, endpoints::catalog::list_nodes, std::move(q)))
    if (n.address == address) return n.node;
  return {};
}

std::string asked_directory::service_of_address(std::string_view address) {
  rpc::service_request q;
  q.address = address;
  auto found = rows_of(*calls_, endpoints::catalog::service_nodes, std::move(q));
  return found.empty() ? std::string() : std::move(found.front().service_name);
}

} // namespace actord::dns
