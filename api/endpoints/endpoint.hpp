// What the description of an endpoint of Consul's API consists of. A description is a constant that says everything about the
// endpoint but how its arguments and its answer are written down, which is for those who call it (HTTP, RPC):
//
//   constinit const read_endpoint<rpc::node_request, rows<health_check>> node_checks{
//       .name = "Health.NodeChecks", .field = "HealthChecks", .may = anybody_may<rpc::node_request>, .sees = sees_check,
//       .run = find_checks, .filters = true};
//
// An endpoint that does not say who may call it, and what is shown to whom, does not compile.
#pragma once
#include "api/endpoints/authorizer.hpp"
#include "runtime/base/error.hpp"
#include "storage/command/apply_result.hpp"
#include "storage/command/row.hpp"
#include "storage/model/rpc_fields.hpp"
#include "storage/state/read_view.hpp"

namespace actord::endpoints {

// A function that has to be named.
template <class F> class required {
public:
  constexpr required(F f) : f_(f) {}
  template <class... A> decltype(auto) operator()(A&&... a) const { return f_(std::forward<A>(a)...); }

private:
  F f_;
};

// Where an endpoint puts what it finds, row by row; whoever called made it: JSON, msgpack, a list.
template <class Row> class rows {
public:
  virtual ~rows() = default;
  virtual bool add(const Row& r) = 0; // false: that is enough
  virtual bool take(Row&& r) { return add(r); } // one whose parts may be moved from

  bool take_all(std::vector<Row>& all) {
    for (auto& r : all)
      if (!take(std::move(r))) return false;
    return true;
  }
};

// Of an answer that is one record, `sees` takes out of it what the token does not allow to see.
template <class Answer> struct answer_kind {
  static constexpr bool is_rows = false;
  using row = Answer;
  using sees = void (*)(const authorizer&, Answer&);
};
template <class Row> struct answer_kind<rows<Row>> {
  static constexpr bool is_rows = true;
  using row = Row;
  using sees = bool (*)(const authorizer&, const Row&);
};

// One look at the state. It may be repeated for the same arguments when what they wait for has changed.
struct look {
  const read_view& view;
  query_meta& meta;      // pass it to the view's calls: it gathers the answer's index, and topics to wait for
  const authorizer& who; // for parts of a row
};

// Carried out by a server whose state is as current as the call wants it; a client agent asks one. Args is a record of
// storage/model/rpc_requests.hpp, with the options of a read; Answer is rows<Row>, or one record.
template <class Args, class Answer> struct read_endpoint {
  using arguments = Args;
  using answer = Answer;
  using kind = answer_kind<Answer>;

  std::string_view name;       // the RPC method's
  std::string_view field = {}; // what the answer is called in its reply; "": it is the reply itself
  required<bool (*)(const authorizer&, const Args&)> may;
  required<typename kind::sees> sees;
  required<status (*)(const Args&, look&, Answer&)> run; // an error is Consul's text
  // The index that the answer would have, without making it: while it is the same, a kept answer is right. Null: none is kept.
  uint64_t (*index)(const Args&, const read_view&) = nullptr;
  bool filters = false; // the options' Filter selects rows
  bool waits = true;    // false: its reply has no index, and there is nothing to wait for
};

// A change before it is proposed.
struct draft {
  const authorizer& who;
  std::string_view datacenter; // of the server
  nanos least_session_ttl;
  result<std::string> (*fresh_id)();
  bool answered = false; // the answer is known: nothing is proposed
};

// A change of the state: what is looked at before it is proposed, the command that it becomes, and what its outcome says. Carried out by
// a server, which has the command written by way of the leader; a client agent asks one. Args is the record of the RPC call, and, unless
// `encode` makes another one of it, that of the command.
template <class Args, class Answer> struct write_endpoint {
  using arguments = Args;
  using answer = Answer;

  std::string_view name; // the RPC method's
  command_kind command;
  required<bool (*)(const authorizer&, const Args&)> may;
  required<status (*)(Args&, draft&, Answer&)> prepare; // checks and fills in; an error is Consul's text
  required<status (*)(const apply_result&, Answer&)> tell;
  std::string (*encode)(const Args&) = nullptr;
  // Whether the answer says if it was done: of other changes Consul's servers answer what an Answer is by itself. Null: it always says something.
  bool (*conditional)(const Args&) = nullptr;
};

} // namespace actord::endpoints
