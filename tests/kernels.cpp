// Runs the kernels of recipes/layers/fused_norm.cu on the CPU: a thread for each of theirs, blocks in turn.
//
//     g++ -std=c++20 -shared -fPIC -pthread -D'KERNELS="fused_norm.cu"' [-DBFLOAT16] kernels.cpp

#include <barrier>
#include <cmath>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

struct Three { unsigned x, y, z; };
static thread_local Three threadIdx;
static Three blockIdx, gridDim;
static std::barrier<>* together;

#define __device__ static
#define __global__
#define __shared__ static
#define __align__(bytes) alignas(bytes)

static void __syncthreads() { together->arrive_and_wait(); }

static float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

static unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, 4);
    return bits;
}

#include KERNELS

static void block(unsigned threads, const std::function<void()>& kernel) {
    std::barrier<> all(threads);
    together = &all;
    std::vector<std::thread> running;
    for (unsigned t = 0; t < threads; t++)
        running.emplace_back([&, t] {
            threadIdx = {t, 0, 0};
            kernel();
            all.arrive_and_drop();
        });
    for (auto& each : running) each.join();
}

static void grid(const int* size, unsigned threads, const std::function<void()>& kernel) {
    gridDim = {(unsigned)size[0], (unsigned)size[1], (unsigned)size[2]};
    for (unsigned z = 0; z < gridDim.z; z++)
        for (unsigned y = 0; y < gridDim.y; y++)
            for (unsigned x = 0; x < gridDim.x; x++) {
                blockIdx = {x, y, z};
                block(threads, kernel);
            }
}

extern "C" {
void run_sums(const int* g, void* x, float* out, int n, int c, int wide, int rows) {
    grid(g, THREADS, [&] { sums((Quad*)x, out, n, c, wide, rows); });
}
void run_stand(const int* g, float* given, float* gain, float* bias, float* stood, float* found,
               int c, int each, int pieces, double values, double epsilon) {
    grid(g, WARP, [&] { stand(given, gain, bias, stood, found, c, each, pieces, values, epsilon); });
}
void run_forward(const int* g, void* x, float* stood, void* y, int n, int c, int wide, int rows) {
    grid(g, THREADS, [&] { forward((Quad*)x, stood, (Quad*)y, n, c, wide, rows); });
}
void run_slopes(const int* g, void* x, void* slope, float* stood, float* out, int n, int c,
                int wide, int rows) {
    grid(g, THREADS, [&] { slopes((Quad*)x, (Quad*)slope, stood, out, n, c, wide, rows); });
}
void run_lean(const int* g, float* given, float* gain, float* found, float* leans, float* parts,
              int c, int each, int pieces, double values) {
    grid(g, WARP, [&] { lean(given, gain, found, leans, parts, c, each, pieces, values); });
}
void run_backward(const int* g, void* x, void* slope, float* stood, float* leans, void* out,
                  int n, int c, int wide, int rows) {
    grid(g, THREADS, [&] {
        backward((Quad*)x, (Quad*)slope, stood, leans, (Quad*)out, n, c, wide, rows);
    });
}
}
