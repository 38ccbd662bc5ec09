// The kernels of fused_norm.py: relu(group_norm(x)) on rows [example, pixels, channels].
//
// A block of 256 threads takes `rows` pixels of one example and `wide` channels; a thread takes
// four channels of every so many pixels. Sums are float32 and folded as a tree, so in one order.
// Grids: (pieces of the pixels, channels / wide, examples), and (groups, examples) of 32 threads.

#define THREADS 256
#define WARP 32

#ifdef BFLOAT16
struct __align__(8) Quad { unsigned int low, high; };

__device__ float wider(unsigned int bits) { return __uint_as_float(bits << 16); }

__device__ unsigned int nearest(float value) {  // ties to even, as torch rounds
    unsigned int bits = __float_as_uint(value);
    if (value != value) return 0x7fc0u;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

__device__ void take(const Quad* from, float v[4]) {
    Quad q = *from;
    v[0] = wider(q.low & 0xffffu); v[1] = wider(q.low >> 16);
    v[2] = wider(q.high & 0xffffu); v[3] = wider(q.high >> 16);
}

__device__ void give(Quad* to, const float v[4]) {
    Quad q;
    q.low = nearest(v[0]) | nearest(v[1]) << 16;
    q.high = nearest(v[2]) | nearest(v[3]) << 16;
    *to = q;
}
#else
struct __align__(16) Quad { float v[4]; };

__device__ void take(const Quad* from, float v[4]) {
    Quad q = *from;
    for (int i = 0; i < 4; i++) v[i] = q.v[i];
}

__device__ void give(Quad* to, const float v[4]) {
    Quad q;
    for (int i = 0; i < 4; i++) q.v[i] = v[i];
    *to = q;
}
#endif

// Where a thread is: its quad of channels, its first pixel, and the end of its block's pixels.
struct Place {
    int quad, first, step, end, channel;
    long long begin;  // of its channels in the example, in quads
};

__device__ Place place(int n, int c, int wide, int rows) {
    Place p;
    int quads = wide / 4;
    p.quad = threadIdx.x % quads;
    p.step = THREADS / quads;
    p.first = blockIdx.x * rows + threadIdx.x / quads;
    p.end = (int)(blockIdx.x + 1) * rows < n ? (int)(blockIdx.x + 1) * rows : n;
    p.channel = blockIdx.y * wide + 4 * p.quad;
    p.begin = ((long long)blockIdx.z * n * c + p.channel) / 4;
    return p;
}

// Read both numbers of four channels, from their place in the first row of [2, c].
__device__ void pair(const float* from, int c, float first[4], float second[4]) {
    for (int i = 0; i < 4; i++) {
        first[i] = from[i];
        second[i] = from[c + i];
    }
}

// Add up the eight sums of all threads of a quad: four channels' first and second.
__device__ void fold(const float s[8], int wide, int c, float* out) {
    __shared__ float kept[8 * THREADS];
    int quads = wide / 4, t = threadIdx.x, lane = t / quads;
    for (int i = 0; i < 8; i++) kept[i * THREADS + t] = s[i];
    __syncthreads();
    for (int half = THREADS / quads / 2; half > 0; half /= 2) {
        if (lane < half)
            for (int i = 0; i < 8; i++) kept[i * THREADS + t] += kept[i * THREADS + t + half * quads];
        __syncthreads();
    }
    if (lane != 0) return;
    float* here = out + ((long long)blockIdx.z * gridDim.x + blockIdx.x) * 2 * c + blockIdx.y * wide;
    for (int i = 0; i < 4; i++) {
        here[4 * t + i] = kept[i * THREADS + t];
        here[c + 4 * t + i] = kept[(4 + i) * THREADS + t];
    }
}

// Add up two numbers of the threads of a warp, to all of them.
__device__ void both(float* first, float* second) {
    __shared__ float kept[2 * WARP];
    int t = threadIdx.x;
    kept[t] = *first;
    kept[WARP + t] = *second;
    __syncthreads();
    for (int half = WARP / 2; half > 0; half /= 2) {
        if (t < half) {
            kept[t] += kept[t + half];
            kept[WARP + t] += kept[WARP + t + half];
        }
        __syncthreads();
    }
    *first = kept[0];
    *second = kept[WARP];
}

// out [b, pieces, 2, c]: sums of x and of x^2.
extern "C" __global__ void sums(const Quad* x, float* out, int n, int c, int wide, int rows) {
    Place p = place(n, c, wide, rows);
    float s[8] = {0, 0, 0, 0, 0, 0, 0, 0}, v[4];
#pragma unroll 4
    for (int r = p.first; r < p.end; r += p.step) {
        take(x + p.begin + (long long)r * (c / 4), v);
        for (int i = 0; i < 4; i++) {
            s[i] += v[i];
            s[4 + i] += v[i] * v[i];
        }
    }
    fold(s, wide, c, out);
}

// stood [b, 2, c]: scale and shift; found [b, groups, 2]: mean and 1 / deviation.
extern "C" __global__ void stand(const float* given, const float* gain, const float* bias,
                                 float* stood, float* found, int c, int each, int pieces,
                                 double values, double epsilon) {
    int b = blockIdx.y, begin = blockIdx.x * each;
    float first = 0, second = 0;
    for (int item = threadIdx.x; item < each * pieces; item += WARP) {
        const float* here = given + ((long long)b * pieces + item / each) * 2 * c + begin + item % each;
        first += here[0];
        second += here[c];
    }
    both(&first, &second);
    float mean = first / (float)values;
    float spread = second / (float)values - mean * mean;
    float inverse = 1.0f / sqrtf((spread > 0 ? spread : 0) + (float)epsilon);
    for (int k = begin + threadIdx.x; k < begin + each; k += WARP) {
        float scale = gain[k] * inverse;
        stood[2 * b * c + k] = scale;
        stood[(2 * b + 1) * c + k] = bias[k] - mean * scale;
    }
    if (threadIdx.x == 0) {
        found[2 * (b * gridDim.x + blockIdx.x)] = mean;
        found[2 * (b * gridDim.x + blockIdx.x) + 1] = inverse;
    }
}

// y = x * scale + shift, where it is above zero.
extern "C" __global__ void forward(const Quad* x, const float* stood, Quad* y,
                                   int n, int c, int wide, int rows) {
    Place p = place(n, c, wide, rows);
    float a[4], d[4], v[4];
    pair(stood + 2 * blockIdx.z * c + p.channel, c, a, d);
#pragma unroll 4
    for (int r = p.first; r < p.end; r += p.step) {
        long long at = p.begin + (long long)r * (c / 4);
        take(x + at, v);
        for (int i = 0; i < 4; i++) {
            v[i] = v[i] * a[i] + d[i];
            v[i] = v[i] < 0 ? 0 : v[i];  // what is not a number stays so
        }
        give(y + at, v);
    }
}

// out [b, pieces, 2, c]: sums of dz and of dz * x.
extern "C" __global__ void slopes(const Quad* x, const Quad* slope, const float* stood, float* out,
                                  int n, int c, int wide, int rows) {
    Place p = place(n, c, wide, rows);
    float a[4], d[4], v[4], z[4], s[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    pair(stood + 2 * blockIdx.z * c + p.channel, c, a, d);
#pragma unroll 4
    for (int r = p.first; r < p.end; r += p.step) {
        long long at = p.begin + (long long)r * (c / 4);
        take(x + at, v);
        take(slope + at, z);
        for (int i = 0; i < 4; i++) {
            float dz = v[i] * a[i] + d[i] > 0 ? z[i] : 0;
            s[i] += dz;
            s[4 + i] += dz * v[i];
        }
    }
    fold(s, wide, c, out);
}

// leans [b, 2, c]: k and j; parts [b, 2, c]: of gain and of bias.
extern "C" __global__ void lean(const float* given, const float* gain, const float* found,
                                float* leans, float* parts, int c, int each, int pieces,
                                double values) {
    int b = blockIdx.y, begin = blockIdx.x * each;
    float mean = found[2 * (b * gridDim.x + blockIdx.x)];
    float inverse = found[2 * (b * gridDim.x + blockIdx.x) + 1];
    float even = 0, tilted = 0;
    for (int k = begin + threadIdx.x; k < begin + each; k += WARP) {
        float first = 0, second = 0;
        for (int piece = 0; piece < pieces; piece++) {
            const float* here = given + ((long long)b * pieces + piece) * 2 * c + k;
            first += here[0];
            second += here[c];
        }
        float part = (second - mean * first) * inverse;
        parts[2 * b * c + k] = part;
        parts[(2 * b + 1) * c + k] = first;
        even += gain[k] * first;
        tilted += gain[k] * part;
    }
    both(&even, &tilted);
    float slant = -inverse * inverse * tilted / (float)values;
    float level = -inverse * even / (float)values - mean * slant;
    for (int k = begin + threadIdx.x; k < begin + each; k += WARP) {
        leans[2 * b * c + k] = slant;
        leans[(2 * b + 1) * c + k] = level;
    }
}

// dx = dz * scale + x * k + j.
extern "C" __global__ void backward(const Quad* x, const Quad* slope, const float* stood,
                                    const float* leans, Quad* out,
                                    int n, int c, int wide, int rows) {
    Place p = place(n, c, wide, rows);
    long long begin = 2 * blockIdx.z * c + p.channel;
    float a[4], d[4], k[4], j[4], v[4], z[4];
    pair(stood + begin, c, a, d);
    pair(leans + begin, c, k, j);
#pragma unroll 4
    for (int r = p.first; r < p.end; r += p.step) {
        long long at = p.begin + (long long)r * (c / 4);
        take(x + at, v);
        take(slope + at, z);
        for (int i = 0; i < 4; i++) {
            float dz = v[i] * a[i] + d[i] > 0 ? z[i] : 0;
            v[i] = dz * a[i] + v[i] * k[i] + j[i];
        }
        give(out + at, v);
    }
}
