// Remote execution as consul exec lays it out: the event says where in KV the job stands, the job says what to run, and
// everything that is answered goes to keys below the node's name, held by the asker's session.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/fields.hpp"

namespace actord::events {

inline constexpr std::string_view exec_event = "_rexec";
inline constexpr size_t exec_chunk = 4 * 1024; // of output in one key

struct exec_address {
  std::string prefix, session;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Prefix", s.prefix);
    v("Session", s.session);
  }
};

struct exec_job {
  std::string command, script;
  string_slice args;
  nanos wait{0};
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Command", s.command);
    v("Args", s.args);
    v("Script", s.script, {.bytes = true});
    v("Wait", s.wait, {.numeric = true});
  }
};

// Foreign JSON.
result<exec_address> decode_exec_address(std::string_view json);
result<exec_job> decode_exec_job(std::string_view json);

// Parts joined by one slash each, as Go's path.Join does for clean parts.
std::string exec_key(const exec_address& at, std::string_view rest);
std::string exec_output_key(const exec_address& at, std::string_view node, uint32_t number); // <node>/out/0000a

// Output on its way to KV: pieces of exec_chunk, or less once it has been quiet for half a second; an empty piece, which
// says that the job lives, when nothing was sent for as long as the job's `wait`.
class exec_output {
public:
  exec_output(nanos now, nanos heartbeat) : heartbeat_(heartbeat), sent_at_(now), came_at_(now) {}
  void add(std::string_view bytes, nanos now);
  void finish() { finished_ = true; }
  // The next piece to send, if it is time.
  std::optional<std::string> next(nanos now);

private:
  std::string waiting_;
  nanos heartbeat_, sent_at_, came_at_;
  bool finished_ = false;
};

} // namespace actord::events
