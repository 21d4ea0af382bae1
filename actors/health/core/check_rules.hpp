// What a run of a check means: pace, thresholds, the captured end of an output, and Consul's words. No clock, no socket.
#pragma once
#include "runtime/base/duration.hpp"
#include "runtime/base/prng.hpp"
#include "storage/model/agent.hpp"
#include <optional>
#include <string>
#include <string_view>

namespace actord::health {

inline constexpr size_t default_output_cap = 4096; // bytes

struct verdict {
  std::string status, output;
};

// When a check runs: the first time somewhere within one interval, so that a restarted agent does not run all at once;
// then one interval after the last run ended.
class check_pace {
public:
  explicit check_pace(const check_registration& c);
  nanos first_delay(prng& random) const { return nanos(static_cast<int64_t>(random.below(static_cast<uint64_t>(interval_.count())))); }
  nanos next_delay() const { return interval_; }
  nanos timeout() const { return timeout_; }

private:
  nanos interval_, timeout_;
};

// success_before_passing and failures_before_critical: a verdict is passed on only after enough like it in a row. Warning
// counts as a success. The first verdict counts at once, as with Consul: nobody waits for a new service.
class check_judge {
public:
  explicit check_judge(const check_registration& c) : successes_wanted_(c.success_before_passing), failures_wanted_(c.failures_before_critical), successes_(successes_wanted_), failures_(failures_wanted_) {}
  std::optional<verdict> ran(verdict v);

private:
  int64_t successes_wanted_, failures_wanted_, successes_, failures_;
};

// Keeps the last `cap` bytes of what is written and counts all.
class tail_buffer {
public:
  explicit tail_buffer(size_t cap) : cap_(cap) {}
  void write(std::string_view bytes);
  std::string take() const;
  uint64_t total() const { return total_; }

private:
  size_t cap_;
  uint64_t total_ = 0;
  std::string ring_; // grows to twice the cap before it is cut
};

size_t output_cap(const check_registration& c, size_t node_cap);

// ---- verdicts ----
verdict http_verdict(std::string_view method, std::string_view url, int code, std::string_view reason, std::string_view body);
verdict http_failure(std::string_view method, std::string_view url, std::string_view why);
verdict tcp_success(std::string_view address);
// `exit_code`: of the process; -1 when a signal ended it.
verdict script_verdict(int exit_code, const tail_buffer& output);
verdict script_timeout(nanos timeout, const tail_buffer& output);
verdict critical(std::string text);

// Go's canonical words for the status codes: "OK", "Too Many Requests"; "" when there are none.
std::string_view status_text(int code);

// "host:port" or "[v6]:port" into its parts; false when there is no port.
bool split_host_port(std::string_view text, std::string& host, std::string& port);

} // namespace actord::health
