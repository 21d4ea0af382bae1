// Endpoints that ask an actor (api/dispatch/questions.hpp) as the HTTP API shows them.
#pragma once
#include "api/dispatch/questions.hpp"
#include "api/http/handler.hpp"

namespace actord::http {

// `show(answer&, response&)`: of what was found, at once or when the actor, or a server, has answered; it holds what it needs.
template <class Args, class Answer, class Show> void ask(exchange& x, const dispatch::actor_endpoint<Args, Answer>& e, Args args, Show show) {
  struct outcome {
    std::optional<deferred> later;
    std::optional<result<Answer>> now;
  };
  auto fill = [show](result<Answer>& a, response& out) {
    if (a) show(*a, out);
    else out.fail(a.err());
  };
  auto o = std::make_shared<outcome>();
  dispatch::ask<Args, Answer>(e, x.env, args, [o, fill](result<Answer> a) {
    if (o->later) o->later->answer([&](response& out) { fill(a, out); });
    else o->now = std::move(a);
  });
  if (o->now) fill(*o->now, x.out);
  else o->later = x.defer();
}

// [] where there is none.
template <class List> void show_list(List& all, response& out) {
  all.set = true;
  out.json_of(all);
}

} // namespace actord::http
