from flask import Flask, jsonify, request

app = Flask(__name__)


@app.route("/")
def hello_world():
    return "<p>Hello, World!</p>"


@app.post("/echo")
def echo():
    data = request.get_json()
    return jsonify(data), 201
