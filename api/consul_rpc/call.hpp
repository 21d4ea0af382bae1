// One call of Consul's RPC while it is carried out. A method decodes the arguments, then does one of these, in the loop's thread:
// reads (`read`, which waits for consistency and for changes as the options ask), proposes a command, asks an actor and answers
// later, answers, or fails. Methods never block.
#pragma once
#include "api/dispatch/site.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/command/apply_result.hpp"
#include "storage/model/rpc_fields.hpp"
#include "storage/state/read_view.hpp"

namespace actord::consul_rpc {

class front;

using environment = dispatch::site;

struct answer {
  std::string failure; // "" when it went well
  std::string body;    // msgpack; left out after a failure
  bool ends_stream = false; // Consul closes after a request that was none
};

// Who made the call: a connection's stream, or an actor of this process.
class asker {
public:
  virtual ~asker() = default;
  virtual void answered(uint64_t ticket, answer a) = 0;
  // False: too many answers wait to be read, or too many calls are looked at elsewhere. The call is then held, and front::resume gets it back.
  // What is known to be `long` is held sooner: who asks for little over the same connection does not wait for it.
  virtual bool has_room(bool /*is_long*/) { return true; }
  virtual void hold(std::shared_ptr<class call>, bool /*is_long*/) {}
  virtual void looks_elsewhere(bool /*begins*/) {} // else it has ended
  virtual uint64_t household() const { return 0; } // a hash of it: households take turns at long reads; 0: this process
};

// One look at the state on behalf of a call. It may be repeated when what it waits for has changed.
struct look {
  const read_view& view;
  query_meta& meta;     // pass it to the view's calls: it gathers index and topics
  rpc::reply_meta reply; // to go into the answer; its index is meta's, filled in afterwards
  std::string out;      // msgpack of the answer
};
// `wanted` says whether the answer, as far as it is known, would be sent; one that would not need not be encoded.
using look_fn = std::function<status(look&, const std::function<bool()>& wanted)>;
using applied_fn = void (*)(call&, const apply_result&);

class call : public std::enable_shared_from_this<call> {
public:
  call(front& f, const environment& e, std::weak_ptr<asker> who, uint64_t ticket, std::string name, std::string body)
      : method(std::move(name)), arguments(std::move(body)), env(e), front_(f), asker_(std::move(who)), ticket_(ticket) {}

  std::string method;
  std::string arguments; // msgpack
  const environment& env;

  // False when the arguments do not decode: that is answered.
  template <class Args> bool decode(Args& args) {
    if (from_msgpack(arguments, args)) return true;
    malformed("msgpack decode error: the arguments of " + method + " do not decode");
    return false;
  }
  // False when another datacenter is meant: that is answered.
  bool is_local(const std::string& datacenter) {
    if (datacenter == env.config.datacenter) return true;
    fail("No path to datacenter");
    return false;
  }

  void answer_with(std::string body);
  template <class Reply> void reply(const Reply& r) { answer_with(to_msgpack(r)); }
  void fail(std::string text);
  void malformed(std::string text); // and the stream ends
  bool over() const { return over_; } // answered, or nobody waits for the answer any more
  // Bytes of memory, about: the arguments are kept decoded as well, and who waits for a change stands in the watch actor's tables.
  size_t held() const { return bytes_of_waiting + 2 * arguments.size(); }

  // `subject` (endpoints::subject_of): with the method, what is remembered of how long such a read takes.
  void read(const rpc::read_options& o, look_fn f, uint64_t subject = 0);
  // Hands a command (encode_command) to Raft; `then` turns the result of one that was not refused into the answer.
  void propose(std::string command, applied_fn then);

private:
  friend class front;
  static constexpr size_t bytes_of_waiting = 1024;
  void finish(answer a);
  front& front_;
  std::weak_ptr<asker> asker_;
  uint64_t ticket_;
  bool over_ = false;
  // Of a read:
  look_fn look_;
  rpc::read_options options_;
  uint64_t subject_ = 0;
  uint64_t watch_ = 0, waiting_ = 0, asked_ = 0; // numbers in the front's tables; 0: not there
  net::timer_id deadline_ = 0;
  bool last_ = false; // the time to wait is over: answer whatever there is
};

using method_fn = void (*)(call&);
struct method {
  std::string_view name;
  method_fn run;
};

} // namespace actord::consul_rpc
