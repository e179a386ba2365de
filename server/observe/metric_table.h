#ifndef LOSSD_SERVER_OBSERVE_METRIC_TABLE_H_
#define LOSSD_SERVER_OBSERVE_METRIC_TABLE_H_

#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"

namespace lossd::observe {

// A metric as Prometheus has it.
struct Metric {
  const char* name;
  prometheus::MetricType type;
  const char* help;
};

// Returns the metric without series.
inline prometheus::MetricFamily FamilyOf(const Metric& metric) {
  return {metric.name, metric.help, metric.type, {}};
}

// Every metric of the server. server/README.md has the same table, with the labels; a test compares
// it with what /metrics shows.
namespace metrics {

using Type = prometheus::MetricType;

// By gRPC's proposal A66, as OpenTelemetry names them for Prometheus.
inline constexpr Metric kCallsStarted = {"grpc_server_call_started_total", Type::Counter,
                                         "calls that have arrived"};
inline constexpr Metric kCallDuration = {
    "grpc_server_call_duration_seconds", Type::Histogram,
    "from the arrival of a call to its end, by the status it ended with"};
inline constexpr Metric kCallReceived = {
    "grpc_server_call_rcvd_total_compressed_message_size_bytes", Type::Histogram,
    "bytes of all requests of a call, as they arrived"};
inline constexpr Metric kCallSent = {"grpc_server_call_sent_total_compressed_message_size_bytes",
                                     Type::Histogram, "bytes of all responses of a call"};

inline constexpr Metric kMessages = {
    "lossd_messages_total", Type::Counter,
    "requests that were answered: one a call, or each of a stream; each answer of a server stream"};
inline constexpr Metric kRequestBytes = {"lossd_request_bytes", Type::Histogram,
                                         "bytes of a request"};
inline constexpr Metric kResponseBytes = {"lossd_response_bytes", Type::Histogram,
                                          "bytes of a response"};
inline constexpr Metric kQueueTime = {
    "lossd_queue_seconds", Type::Histogram,
    "from when a request had arrived until it began to be computed"};
inline constexpr Metric kComputeTime = {
    "lossd_compute_seconds", Type::Histogram,
    "to decode a request, to compute and to encode its response"};
inline constexpr Metric kBatches = {"lossd_batches_total", Type::Counter,
                                    "batches that were computed; each loss of a Compare counts"};
inline constexpr Metric kRows = {"lossd_rows_total", Type::Counter,
                                 "rows of those batches: all places of the logits' shape but the "
                                 "classes"};
inline constexpr Metric kNonFiniteLosses = {"lossd_non_finite_losses_total", Type::Counter,
                                            "losses that were NaN or infinite"};
inline constexpr Metric kRefused = {"lossd_refused_total", Type::Counter,
                                    "calls and messages that were refused"};

inline constexpr Metric kTokenCalls = {"lossd_token_calls_total", Type::Counter,
                                       "calls of each token that have ended"};
inline constexpr Metric kTokenMessages = {"lossd_token_messages_total", Type::Counter,
                                          "requests of each token that were answered"};
inline constexpr Metric kTokenRequestBytes = {"lossd_token_request_bytes_total", Type::Counter,
                                              "bytes of those requests"};
inline constexpr Metric kTokenComputeTime = {
    "lossd_token_compute_seconds_total", Type::Counter,
    "to decode those requests, to compute and to encode their responses"};

inline constexpr Metric kInFlightBytes = {"lossd_in_flight_bytes", Type::Gauge,
                                          "bytes of requests that arrive or wait, and of answers"};
inline constexpr Metric kMaxInFlightBytes = {"lossd_max_in_flight_bytes", Type::Gauge,
                                             "--max-in-flight-bytes"};
inline constexpr Metric kWaitingMessages = {"lossd_waiting_messages", Type::Gauge,
                                            "messages that wait for room to be read"};
inline constexpr Metric kConnections = {"lossd_connections", Type::Gauge,
                                        "connections of gRPC clients"};
inline constexpr Metric kRefusedConnections = {
    "lossd_refused_connections_total", Type::Counter,
    "connections that were closed at once, beyond --max-connections"};
inline constexpr Metric kRefusedCompressed = {
    "lossd_refused_compressed_total", Type::Counter,
    "requests that were refused because they are compressed; other metrics have them as CANCELLED"};
inline constexpr Metric kServing = {"lossd_serving", Type::Gauge,
                                    "1 while health says SERVING, 0 in a drain"};
inline constexpr Metric kRuns = {"lossd_runs", Type::Gauge, "training runs that are kept"};
inline constexpr Metric kRunsBytes = {"lossd_runs_bytes", Type::Gauge,
                                      "bytes that runs take: of memory, or of the file or Redis, "
                                      "with batches that wait to be folded"};
inline constexpr Metric kDroppedRuns = {
    "lossd_dropped_runs_total", Type::Counter,
    "runs that were let go for their age, or for the room that others wanted"};
inline constexpr Metric kUnrecordedBatches = {
    "lossd_unrecorded_batches_total", Type::Counter,
    "batches that were answered though their run could not take them"};
inline constexpr Metric kThreads = {"lossd_threads", Type::Gauge, "threads that compute"};
inline constexpr Metric kDroppedLogEntries = {"lossd_dropped_log_entries_total", Type::Counter,
                                              "entries of the log that were dropped"};
inline constexpr Metric kBuildInfo = {"lossd_build_info", Type::Gauge,
                                      "1, with the version and the instruction set in use"};

inline constexpr Metric kStartTime = {"process_start_time_seconds", Type::Gauge,
                                      "when the server was started, since 1970"};
inline constexpr Metric kCpuTime = {"process_cpu_seconds_total", Type::Counter,
                                    "CPU time of all threads"};
inline constexpr Metric kResidentMemory = {"process_resident_memory_bytes", Type::Gauge,
                                           "resident memory"};

}  // namespace metrics
}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_METRIC_TABLE_H_
