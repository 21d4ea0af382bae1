// Endpoints that change the state (api/endpoints) as the HTTP API shows them: what a request says becomes the arguments, which are checked
// and handed to Raft, or on a client agent passed on to a server, and what came of it is shown:
//
//   auto r = arguments_of<kv_request>(x, o);
//   r.entry.key = x.req.tail;
//   write<endpoints::kv::apply, show_done>(x, std::move(r));
#pragma once
#include "api/dispatch/writes.hpp"
#include "api/endpoints/carry_out.hpp"
#include "api/http/handlers/refusal.hpp"
#include "api/http/read.hpp"

namespace actord::http {

template <const auto& Endpoint> using arguments_for = typename std::remove_cvref_t<decltype(Endpoint)>::arguments;
template <const auto& Endpoint> using answer_for = typename std::remove_cvref_t<decltype(Endpoint)>::answer;

// A change that was looked at and waits for nothing but its turn.
template <const auto& Endpoint> struct checked_change {
  error refused;
  std::string bytes;              // of the command; on a client agent, of the call's arguments
  bool tells = true;              // its answer says what came of it
  std::optional<answer_for<Endpoint>> answer; // there is one already
};

// In any thread. On a client agent the server looks.
template <const auto& Endpoint> checked_change<Endpoint> check(const environment& env, arguments_for<Endpoint> a) {
  checked_change<Endpoint> c;
  if (a.datacenter.empty()) a.datacenter = env.config.datacenter;
  if (Endpoint.conditional) c.tells = Endpoint.conditional(a);
  if (!env.views.has_store()) {
    c.bytes = to_msgpack(a);
    return c;
  }
  if (a.datacenter != env.config.datacenter) {
    c.refused = {errc::internal, as_server(env, "No path to datacenter")};
    return c;
  }
  auto draft = dispatch::draft_of(env.config);
  answer_for<Endpoint> answer{};
  auto command = endpoints::command_of(Endpoint, a, draft, answer);
  if (!command) c.refused = {command.err().code, as_leader(env, command.err().text)};
  else if (draft.answered) c.answer = std::move(answer);
  else c.bytes = std::move(*command);
  return c;
}

// What an answer looks like. `of`: what was changed, where the handler says it.
template <class Answer> using show_fn = void (*)(const Answer&, std::string_view of, response&);
template <class Answer> void show_true(const Answer&, std::string_view, response& out) { out.json("true"); }
template <class Answer> void show_nothing(const Answer&, std::string_view, response& out) { out.empty(200); }
inline void show_done(const bool& done, std::string_view, response& out) { out.json(done ? "true" : "false"); }
void show_id(const std::string& id, std::string_view, response& out); // {"ID":"…"}: of what was made

template <const auto& Endpoint, show_fn<answer_for<Endpoint>> Show> struct answer_row {
  static void applied(const apply_result& r, std::string_view of, response& out) {
    answer_for<Endpoint> a{};
    if (auto told = Endpoint.tell(r, a); !told) return out.fail(told.err());
    Show(a, of, out);
  }
  static void replied(std::string_view reply, std::string_view of, response& out) {
    answer_for<Endpoint> a{};
    if (from_msgpack(reply, a)) return Show(a, of, out);
    out.text(500, "rpc error making call: the answer to " + std::string(Endpoint.name) + " does not decode");
  }
  static constexpr write_row row{&Endpoint.name, applied, replied};
};

template <const auto& Endpoint, show_fn<answer_for<Endpoint>> Show> void propose(exchange& x, checked_change<Endpoint>& c, std::string_view of = {}) {
  if (c.refused.code != errc::none) return x.out.fail(c.refused);
  if (c.answer) return Show(*c.answer, of, x.out);
  // Of a change without a condition Consul's servers say false, and its agents true.
  x.propose(std::move(c.bytes), c.tells ? answer_row<Endpoint, Show>::row : answer_row<Endpoint, show_true<answer_for<Endpoint>>>::row, of);
}

template <const auto& Endpoint, show_fn<answer_for<Endpoint>> Show> void write(exchange& x, arguments_for<Endpoint> a, std::string_view of = {}) {
  auto c = check<Endpoint>(x.env, std::move(a));
  propose<Endpoint, Show>(x, c, of);
}

} // namespace actord::http
