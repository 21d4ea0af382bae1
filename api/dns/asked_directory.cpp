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

// What the servers answered, as `make` reads it out of the endpoint's answer; made once, in whichever thread. Null: there is none, or not yet.
template <class Found, class To, class Endpoint, class Make>
std::shared_ptr<const Found> ask(asked_calls& calls, const Endpoint& e, typename Endpoint::arguments q, Make make) {
  q.datacenter = calls.datacenter();
  q.options.allow_stale = calls.stale();
  return std::static_pointer_cast<const Found>(calls.ask(e.name, to_msgpack(q), [&e, make](std::string_view body) {
    To to;
    asked_calls::decoded out;
    if (dispatch::take_reply(e, body, to, out.meta)) out.found = make(to);
    return out;
  }));
}
template <class Found, class Endpoint, class Make>
std::shared_ptr<const Found> ask_rows(asked_calls& calls, const Endpoint& e, typename Endpoint::arguments q, Make make) {
  return ask<Found, listed<typename Endpoint::kind::row>>(calls, e, std::move(q), std::move(make));
}
} // namespace

std::shared_ptr<const void> asked_calls::ask(std::string_view method, std::string arguments, decode_function decode) {
  const auto it = std::find_if(calls_.begin(), calls_.end(), [&](auto& c) { return c.what.method == method && c.what.arguments == arguments; });
  if (it != calls_.end()) return it->found;
  if (calls_.size() >= most_calls) failed_ = true;
  else calls_.push_back({{method, std::move(arguments), std::move(decode)}, false, false, nullptr});
  return nullptr;
}

std::vector<std::pair<size_t, asked_calls::call>> asked_calls::take_needed() {
  std::vector<std::pair<size_t, call>> out;
  for (size_t i = 0; i < calls_.size(); ++i)
    if (!std::exchange(calls_[i].sent, true)) out.emplace_back(i, calls_[i].what);
  return out;
}

void asked_calls::answered(size_t number, decoded answer) {
  if (number >= calls_.size()) return; // of calls that were forgotten
  if (number == 0) first_ = std::move(answer.meta);
  failed_ = failed_ || !answer.found;
  calls_[number].found = std::move(answer.found);
  calls_[number].has_answer = true;
}

void asked_calls::answered_nothing(size_t number) {
  if (number < calls_.size()) calls_[number].has_answer = true;
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
  auto found = ask_rows<std::vector<endpoint>>(*calls_, endpoints::health::service_nodes, std::move(q), [elsewhere = elsewhere_](auto& to) {
    std::vector<endpoint> list;
    list.reserve(to.all.size());
    for (auto& n : to.all)
      if (endpoint e; endpoint_of(n, e)) list.push_back(std::move(e));
    return shared_list(std::move(list), elsewhere);
  });
  return found ? found : std::make_shared<const std::vector<endpoint>>();
}

directory::found_query asked_directory::prepared_query(std::string_view name, const query_source& by) {
  auto found = ask<found_query, rpc::query_execute_reply>(*calls_, endpoints::query::execute, question_of(name, by), [elsewhere = elsewhere_](auto& to) {
    return std::make_shared<const found_query>(to.datacenter.empty() ? found_query{} : found_by_query(to, elsewhere));
  });
  return found ? *found : found_query{};
}

std::shared_ptr<const node_facts> asked_directory::node(std::string_view name) {
  rpc::node_request q;
  q.node = name;
  auto found = ask<std::shared_ptr<const node_facts>, rpc::service_list_of_node>(*calls_, endpoints::catalog::node_service_list, std::move(q), [](auto& to) {
    return std::make_shared<const std::shared_ptr<const node_facts>>(to.node ? std::make_shared<const node_facts>(facts_of(*to.node)) : nullptr);
  });
  return found ? *found : nullptr;
}

std::string asked_directory::node_of_address(std::string_view address) {
  rpc::datacenter_request q;
  q.options.filter = "Address == \"" + std::string(address) + "\"";
  auto found = ask_rows<std::string>(*calls_, endpoints::catalog::list_nodes, std::move(q), [wanted = std::string(address)](auto& to) {
    const auto it = std::find_if(to.all.begin(), to.all.end(), [&](auto& n) { return n.address == wanted; });
    return std::make_shared<const std::string>(it == to.all.end() ? std::string() : it->node);
  });
  return found ? *found : std::string();
}

std::string asked_directory::service_of_address(std::string_view address) {
  rpc::service_request q;
  q.address = address;
  auto found = ask_rows<std::string>(*calls_, endpoints::catalog::service_nodes, std::move(q), [](auto& to) {
    return std::make_shared<const std::string>(to.all.empty() ? std::string() : to.all.front().service_name);
  });
  return found ? *found : std::string();
}

} // namespace actord::dns
