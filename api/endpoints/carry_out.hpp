// Carries out a read on a view: permission, the endpoint, what the token may see, the filter. Of a change, what comes before it is proposed.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "api/http/core/filter.hpp"
#include "storage/command/commands.hpp"

namespace actord::endpoints {

inline error permission_denied() { return {errc::permission, "Permission denied"}; }

template <class Row> class chosen_rows final : public rows<Row> {
public:
  using sees_fn = typename answer_kind<rows<Row>>::sees;
  chosen_rows(rows<Row>& to, const authorizer& who, required<sees_fn> sees, const filter& wanted) : to_(to), who_(who), sees_(sees), wanted_(wanted) {}
  bool add(const Row& r) override { return !is_chosen(r) || to_.add(r); }
  bool take(Row&& r) override { return !is_chosen(r) || to_.take(std::move(r)); }

private:
  bool is_chosen(const Row& r) const {
    if (!sees_(who_, r)) return false;
    if constexpr (record<Row>) return wanted_.matches(r);
    return true;
  }
  rows<Row>& to_;
  const authorizer& who_;
  required<sees_fn> sees_;
  const filter& wanted_;
};

// What `to` was given counts only if this succeeds and the view has not failed.
template <class Args, class Row> status carry_out(const read_endpoint<Args, rows<Row>>& e, const Args& args, look& at, rows<Row>& to) {
  if (!e.may(at.who, args)) return permission_denied();
  filter wanted;
  if constexpr (record<Row>)
    if (e.filters && !args.options.filter.empty()) {
      auto f = filter::compile<Row>(args.options.filter);
      if (!f) return f.err();
      wanted = std::move(*f);
    }
  chosen_rows<Row> chosen(to, at.who, e.sees, wanted);
  return e.run(args, at, chosen);
}

template <class Args, class Answer> status carry_out(const read_endpoint<Args, Answer>& e, const Args& args, look& at, Answer& to) {
  if (!e.may(at.who, args)) return permission_denied();
  auto done = e.run(args, at, to);
  if (done.ok()) e.sees(at.who, to);
  return done;
}

// The change as a command, unless the draft says that it is answered.
template <class Args, class Answer>
result<std::string> command_of(const write_endpoint<Args, Answer>& e, Args& args, draft& d, Answer& answer) {
  if (!e.may(d.who, args)) return permission_denied();
  if (auto fine = e.prepare(args, d, answer); !fine) return fine.err();
  if (d.answered) return std::string();
  return e.encode ? e.encode(args) : encode_command(e.command, args);
}

} // namespace actord::endpoints
